{{/*
The pipelines of a release, as a JSON list of {name, fullname, values}: what `pipelines` says over what they share.
Without `pipelines` the release is one, with the release's name.
*/}}
{{- define "headrace.pipelines" -}}
{{- $shared := omit .Values "pipelines" "extraObjects" "global" }}
{{- $fullname := include "headrace.fullname" . }}
{{- $pipelines := list }}
{{- range $name, $own := .Values.pipelines }}
{{- $values := mustMergeOverwrite (mustDeepCopy $shared) (mustDeepCopy ($own | default dict)) }}
{{- $_ := set $values.config "pipeline" (($own | default dict) | dig "config" "pipeline" $name) }}
{{- $prefix := $fullname | trunc (int (sub 51 (len $name))) | trimSuffix "-" }}
{{- $pipelines = append $pipelines (dict "name" $name "fullname" (printf "%s-%s" $prefix $name) "values" $values) }}
{{- else }}
{{- $pipelines = list (dict "name" .Release.Name "fullname" $fullname "values" $shared) }}
{{- end }}
{{- toJson $pipelines }}
{{- end }}

{{/* "true" where pods are static members of the consumer group. Takes a pipeline's values. */}}
{{- define "headrace.isStatic" -}}
{{- $lasting := and (eq .workload.kind "StatefulSet") (eq .autoscaling.kind "none") }}
{{- if or (eq .workload.staticMembership "always") (and (eq .workload.staticMembership "auto") $lasting) }}true{{ end }}
{{- end }}

{{/* "true" where the destination is known to be a file that one process writes. Takes a pipeline's values. */}}
{{- define "headrace.isFile" -}}
{{- if regexMatch "^(duckdb|sqlite)[+:]" (.config.destination.url | default "") }}true{{ end }}
{{- end }}
