{{- define "supergate.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "supergate.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "supergate.labels" -}}
{{ include "supergate.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- /* gateway.yaml: what the chart sets stands above `config`. */ -}}
{{- define "supergate.config" -}}
{{- $timeouts := merge (dict "readinessMs" .Values.shutdown.readinessMs "drainMs" .Values.shutdown.drainMs) (default dict .Values.config.timeouts) -}}
{{- toYaml (merge (dict "timeouts" $timeouts) .Values.config) -}}
{{- end -}}

{{- /* Where the supergraph is, as `supergate serve` is told. */ -}}
{{- define "supergate.source" -}}
{{- $given := without (list .Values.supergraph.sdl .Values.supergraph.yaml .Values.supergraph.url) "" -}}
{{- if ne (len $given) 1 -}}
{{- fail "set one of supergraph.sdl, supergraph.yaml and supergraph.url" -}}
{{- end -}}
{{- if .Values.supergraph.url -}}
{{ .Values.supergraph.url }}
{{- else if .Values.supergraph.sdl -}}
/etc/supergate/supergraph.graphql
{{- else -}}
/etc/supergate/supergraph.yaml
{{- end -}}
{{- end -}}
