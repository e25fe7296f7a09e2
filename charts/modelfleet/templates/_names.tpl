{{/* What things are called, and what labels they carry. */}}

{{- define "modelfleet.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* (root, component) */}}
{{- define "modelfleet.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* (root, component) */}}
{{- define "modelfleet.labels" -}}
{{- $labels := include "modelfleet.selector" . | fromYaml -}}
{{- $_ := set $labels "app.kubernetes.io/part-of" "modelfleet" -}}
{{- $_ := set $labels "app.kubernetes.io/version" .root.Chart.AppVersion -}}
{{- $_ := set $labels "app.kubernetes.io/managed-by" .root.Release.Service -}}
{{- $_ := set $labels "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_") -}}
{{- toYaml (merge $labels .root.Values.commonLabels) -}}
{{- end -}}

{{/* (root, name, component): the head of an object in the namespace of the release */}}
{{- define "modelfleet.metadata" -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "modelfleet.labels" . | nindent 2 }}
{{- end -}}

{{/* (root, role): the service account of operator, xds or gateway */}}
{{- define "modelfleet.account" -}}
{{- $own := printf "%s-%s" (include "modelfleet.fullname" .root) .role -}}
{{- if eq .role "gateway" -}}
{{- $own -}}
{{- else -}}
{{- default $own (index .root.Values .role).serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* (root, role): whom a binding is for */}}
{{- define "modelfleet.subject" -}}
- kind: ServiceAccount
  name: {{ include "modelfleet.account" . }}
  namespace: {{ .root.Release.Namespace }}
{{- end -}}

{{/* (root, image, tag) */}}
{{- define "modelfleet.imageOf" -}}
{{- $registry := default .image.registry .root.Values.global.imageRegistry -}}
{{- with $registry }}{{ . }}/{{ end -}}
{{- .image.repository -}}
{{- if .image.digest }}@{{ .image.digest }}{{ else }}:{{ default .tag .image.tag }}{{ end -}}
{{- end -}}

{{- define "modelfleet.image" -}}
{{- include "modelfleet.imageOf" (dict "root" . "image" .Values.image "tag" .Chart.AppVersion) -}}
{{- end -}}

{{- define "modelfleet.envoyImage" -}}
{{- include "modelfleet.imageOf" (dict "root" . "image" .Values.envoy.image "tag" "distroless-v1.40.0") -}}
{{- end -}}

{{/* A fleet of gateways with all that holds for it: (root, name) */}}
{{- define "modelfleet.gateway" -}}
{{- mergeOverwrite (deepCopy .root.Values.gatewayDefaults) (deepCopy (index .root.Values.gateways .name | default dict)) | toYaml -}}
{{- end -}}

{{/* Where relays find xds. */}}
{{- define "modelfleet.xdsAddress" -}}
{{- printf "%s-xds.%s.svc:18000" (include "modelfleet.fullname" .) .Release.Namespace -}}
{{- end -}}

{{/* Who makes certificates: certManager, helm or none. */}}
{{- define "modelfleet.tls" -}}
{{- if ne .Values.tls.mode "auto" -}}
{{- .Values.tls.mode -}}
{{- else if .Capabilities.APIVersions.Has "cert-manager.io/v1" -}}
certManager
{{- else -}}
helm
{{- end -}}
{{- end -}}

{{/* Namespaces whose Secrets may be read. */}}
{{- define "modelfleet.secretsNamespaces" -}}
{{- default (list .Release.Namespace) .Values.secretsNamespaces | uniq | sortAlpha | toYaml -}}
{{- end -}}

{{/* Namespaces in which gateways alone reach models. */}}
{{- define "modelfleet.modelNamespaces" -}}
{{- $policies := .Values.networkPolicies -}}
{{- $named := default .Values.watchNamespaces $policies.models.namespaces -}}
{{- ternary $named list (and $policies.enabled $policies.models.enabled) | uniq | sortAlpha | toYaml -}}
{{- end -}}

{{/* Those of metricsFrom who may reach models. Who is looked for in all namespaces is left out, since everybody may label
a pod like that, and it is the port that answers requests. Who is of no namespace is of ours, as in our own policies. */}}
{{- define "modelfleet.boundPeers" -}}
{{- $found := list -}}
{{- range .Values.networkPolicies.metricsFrom -}}
{{- $peer := deepCopy . -}}
{{- if hasKey $peer "ipBlock" -}}
{{- $found = append $found $peer -}}
{{- else if not (hasKey $peer "namespaceSelector") -}}
{{- $_ := set $peer "namespaceSelector" (dict "matchLabels" (dict "kubernetes.io/metadata.name" $.Release.Namespace)) -}}
{{- $found = append $found $peer -}}
{{- else if or $peer.namespaceSelector.matchLabels $peer.namespaceSelector.matchExpressions -}}
{{- $found = append $found $peer -}}
{{- end -}}
{{- end -}}
{{- with $found }}{{ toYaml . }}{{ end -}}
{{- end -}}
