{{/* What all pods have in common. */}}

{{- define "modelfleet.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "modelfleet.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop:
  - ALL
{{- end -}}

{{/* (root, values, selector): where the pods of a role run. It begins with a line's end where there is any of it. */}}
{{- define "modelfleet.placed" -}}
{{- with concat .root.Values.global.imagePullSecrets .root.Values.imagePullSecrets }}
imagePullSecrets:
{{- toYaml . | nindent 0 }}
{{- end }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
{{- toYaml . | nindent 0 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
{{- if .values.topologySpreadConstraints }}
{{- toYaml .values.topologySpreadConstraints | nindent 0 }}
{{- else }}
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
- maxSkew: 1
  topologyKey: {{ . }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- $.selector | nindent 6 }}
{{- end }}
{{- end }}
{{- end -}}

{{/* (root, name, component, values, selector) */}}
{{- define "modelfleet.budget" -}}
{{- if .values.podDisruptionBudget.enabled }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "modelfleet.metadata" . | nindent 2 }}
spec:
  maxUnavailable: {{ .values.podDisruptionBudget.maxUnavailable }}
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- .selector | nindent 6 }}
{{- end }}
{{- end -}}

{{/* (root, component, values, selector): labels and annotations of the pods of a role. */}}
{{- define "modelfleet.podMetadata" -}}
labels:
  {{- $labels := include "modelfleet.labels" . | fromYaml }}
  {{- toYaml (merge (.selector | fromYaml) $labels .values.podLabels) | nindent 2 }}
{{- with .values.podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The arguments that operator and xds share. */}}
{{- define "modelfleet.scopeArguments" -}}
{{- range .Values.watchNamespaces | uniq }}
- --namespace={{ . }}
{{- end }}
{{- range include "modelfleet.secretsNamespaces" . | fromYamlArray }}
- --secrets-namespace={{ . }}
{{- end }}
{{- end -}}

{{- define "modelfleet.logArguments" -}}
- --log-format={{ .Values.log.format }}
- --log-level={{ .Values.log.level }}
{{- end -}}

{{/* The probes of operator and xds at their port for metrics. */}}
{{- define "modelfleet.probes" -}}
livenessProbe:
  httpGet:
    path: /healthz
    port: metrics
  timeoutSeconds: 5
  periodSeconds: 10
  failureThreshold: 6
readinessProbe:
  httpGet:
    path: /readyz
    port: metrics
  timeoutSeconds: 5
  periodSeconds: 5
{{- end -}}

{{- define "modelfleet.tlsArguments" -}}
{{- if ne (include "modelfleet.tls" .) "none" }}
- --tls-cert=/etc/modelfleet/tls/tls.crt
- --tls-key=/etc/modelfleet/tls/tls.key
- --tls-ca=/etc/modelfleet/tls/ca.crt
{{- end }}
{{- end -}}

{{/* What callers are shown. */}}
{{- define "modelfleet.shownArguments" -}}
- --listener-cert=/etc/modelfleet/shown/tls.crt
- --listener-key=/etc/modelfleet/shown/tls.key
{{- end -}}

{{- define "modelfleet.podName" -}}
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
{{- end -}}
