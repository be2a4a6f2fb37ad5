{{/* Names and labels. The name of a StatefulSet or a CronJob has at most 52 characters: its pods' labels add eleven. */}}

{{- define "headrace.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "headrace.fullname" -}}
{{- $name := include "headrace.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "headrace.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "headrace.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* What all objects of a release have in common. */}}
{{- define "headrace.releaseLabels" -}}
app.kubernetes.io/name: {{ include "headrace.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Labels of an object that belongs to the whole release. */}}
{{- define "headrace.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "headrace.releaseLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Everything of one pipeline: its streaming pods, and those of `verify`. Takes root and pipeline. */}}
{{- define "headrace.pipelineLabels" -}}
{{ include "headrace.releaseLabels" .root }}
headrace/pipeline: {{ .pipeline.name }}
{{- end }}

{{/* The streaming pods of one pipeline: what workloads, services and budgets select. Takes root and pipeline. */}}
{{- define "headrace.selector" -}}
{{ include "headrace.pipelineLabels" . }}
app.kubernetes.io/component: stream
{{- end }}

{{/* Labels of an object that belongs to one pipeline. Takes root and pipeline. */}}
{{- define "headrace.objectLabels" -}}
{{ include "headrace.labels" .root }}
headrace/pipeline: {{ .pipeline.name }}
{{- end }}
