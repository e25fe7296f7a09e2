{{/* Certificates of both sides. Each gateway's names its fleet, and xds holds it to that. */}}

{{/* The names of each certificate by the Secret that it is kept in. */}}
{{- define "modelfleet.certificates" -}}
{{- $full := include "modelfleet.fullname" . -}}
{{- $service := printf "%s-xds" $full -}}
{{ $service }}-tls:
  component: xds
  usage: server auth
  names:
  - {{ $service }}.{{ .Release.Namespace }}.svc
  - {{ $service }}.{{ .Release.Namespace }}.svc.cluster.local
  - {{ $service }}.{{ .Release.Namespace }}
  - {{ $service }}
{{- range $fleet, $_ := .Values.gateways }}
{{ $full }}-gateway-{{ $fleet }}-tls:
  component: gateway
  usage: client auth
  names:
  - {{ $fleet }}.gateway.modelfleet.dev
{{- end }}
{{- end -}}

{{/* (days): when something made now ends, and when Helm makes it anew: in the last third. */}}
{{- define "modelfleet.lifetime" -}}
modelfleet.dev/expires: {{ now | dateModify (printf "+%dh" (mul .days 24)) | date "2006-01-02" | quote }}
modelfleet.dev/renew-after: {{ now | dateModify (printf "+%dh" (mul .days 16)) | unixEpoch | quote }}
{{- end -}}

{{/* (secret): whether one that is there is still good: "yes" or nothing. */}}
{{- define "modelfleet.isGood" -}}
{{- if .secret -}}
{{- $annotations := default dict .secret.metadata.annotations -}}
{{- if gt (index $annotations "modelfleet.dev/renew-after" | default "0" | int64) (now | unixEpoch | int64) -}}
yes
{{- end -}}
{{- end -}}
{{- end -}}
