{{/* The rights of each role, as docs/rights.md explains them. A test compares them with what the roles really do. */}}

{{/* Of the whole cluster, whatever is served. */}}
{{- define "modelfleet.rights.shared" -}}
- apiGroups: [""]
  resources: [nodes]
  verbs: [list, watch]
- apiGroups: [modelfleet.dev]
  resources: [hardwareclasses]
  verbs: [list, watch]
{{- end -}}

{{/* Of the operator, in the namespaces that are served. */}}
{{- define "modelfleet.rights.operator" -}}
- apiGroups: [modelfleet.dev]
  resources: [modeldeployments, routingpolicies]
  verbs: [list, watch]
- apiGroups: [modelfleet.dev]
  resources: [modeldeployments/status, routingpolicies/status]
  verbs: [patch, update]
{{- if .Values.rbac.finalizers }}
- apiGroups: [modelfleet.dev]
  resources: [modeldeployments/finalizers]
  verbs: [update]
{{- end }}
- apiGroups: [""]
  resources: [pods]
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
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get]
- apiGroups: [""]
  resources: [events]
  verbs: [create, get, patch]
{{- end -}}

{{/* Of the xds role, in the namespaces that are served. It has no verb that writes. */}}
{{- define "modelfleet.rights.xds" -}}
- apiGroups: [modelfleet.dev]
  resources: [modeldeployments, routingpolicies]
  verbs: [list, watch]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
{{- end -}}

{{/* (root, role, subjects): the references of a binding. */}}
{{- define "modelfleet.subject" -}}
- kind: ServiceAccount
  name: {{ include "modelfleet.account" . }}
  namespace: {{ .root.Release.Namespace }}
{{- end -}}
