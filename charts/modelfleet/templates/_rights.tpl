{{/* Generated from tools/chart by `make generate`; edit that. docs/rights.md explains each of them. */}}

{{- define "modelfleet.rights.operator.shared" -}}
- apiGroups: [modelfleet.dev]
  resources: [hardwareclasses]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [nodes]
  verbs: [list, watch]
{{- end -}}

{{- define "modelfleet.rights.operator.whole" -}}
- apiGroups: [modelfleet.dev]
  resources: [hardwareclasses/status]
  verbs: [patch, update]
{{- end -}}

{{- define "modelfleet.rights.operator.served" -}}
- apiGroups: [modelfleet.dev]
  resources: [modeldeployments, routingpolicies]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [services]
  verbs: [create, delete, get, list, patch, watch]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [create, delete, get, list, patch, watch]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [create, delete, get, list, patch, watch]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [create, delete, get, list, patch, watch]
{{- if .Values.rbac.keda }}
- apiGroups: [keda.sh]
  resources: [scaledobjects]
  verbs: [create, delete, get, list, patch, watch]
{{- end }}
{{- if .Values.rbac.deviceClasses }}
- apiGroups: [resource.k8s.io]
  resources: [resourceclaimtemplates]
  verbs: [create, delete, get, list, patch, watch]
{{- end }}
- apiGroups: [modelfleet.dev]
  resources: [modeldeployments/status, routingpolicies/status]
  verbs: [patch, update]
{{- if .Values.rbac.finalizers }}
- apiGroups: [modelfleet.dev]
  resources: [modeldeployments/finalizers]
  verbs: [update]
{{- end }}
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get]
- apiGroups: [""]
  resources: [events]
  verbs: [create, get, patch]
{{- end -}}

{{- define "modelfleet.rights.operator.secrets" -}}
- apiGroups: [""]
  resources: [secrets]
  verbs: [get]
{{- end -}}

{{- define "modelfleet.rights.operator.home" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create, get, update]
{{- end -}}

{{- define "modelfleet.rights.operator.alone" -}}
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list]
- apiGroups: [""]
  resources: [pods]
  verbs: [list]
{{- end -}}

{{- define "modelfleet.rights.xds.shared" -}}
- apiGroups: [modelfleet.dev]
  resources: [hardwareclasses]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [nodes]
  verbs: [list, watch]
{{- end -}}

{{- define "modelfleet.rights.xds.served" -}}
- apiGroups: [modelfleet.dev]
  resources: [modeldeployments, routingpolicies]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list, watch]
{{- end -}}

{{- define "modelfleet.rights.xds.secrets" -}}
- apiGroups: [""]
  resources: [secrets]
  verbs: [get]
{{- end -}}
