{{/* What is wrong with one pipeline, one problem a line. Takes root and pipeline. */}}
{{- define "headrace.problems" -}}
{{- $values := .pipeline.values }}
{{- $config := $values.config }}
{{- $kafka := $config.kafka | default dict }}
{{- $url := dig "destination" "url" "" $config | default "" }}
{{- $scaled := ne $values.autoscaling.kind "none" }}
{{- if and $kafka.topics $kafka.pattern }}
config.kafka has both topics and a pattern: keep one
{{- else if not (or $kafka.topics $kafka.pattern) }}
config.kafka has neither topics nor a pattern: set config.kafka.topics, as in [orders], or config.kafka.pattern
{{- end }}
{{- if and $url (hasKey $values.secrets "destination.url") }}
the destination's URL is given twice: keep config.destination.url or secrets."destination.url"
{{- else if not (or $url (hasKey $values.secrets "destination.url")) }}
there is no destination: set config.destination.url, or secrets."destination.url" where it holds a password
{{- end }}
{{- if regexMatch "://[^/?#]*:[^/?#]*@|[?&][^=&]*(?i:password|secret|token)[^=&]*=" $url }}
config.destination.url holds a password, and a ConfigMap is no place for one: take it out and set secrets."destination.password"
{{- end }}
{{- if regexMatch "://[^/?#,]*:[^/?#,]*@" (dig "registry" "url" "" $config | default "") }}
config.registry.url holds a password, and a ConfigMap is no place for one: take it out and set config.registry.username and secrets."registry.password"
{{- end }}
{{- if and (include "headrace.isFile" $values) (or $scaled (gt (int $values.workload.replicas) 1)) }}
the destination is a file, which one process writes: set workload.replicas to 1 and autoscaling.kind to none
{{- end }}
{{- if and (eq $values.workload.staticMembership "always") (ne $values.workload.kind "StatefulSet") }}
workload.staticMembership is always, but the pods of a Deployment have no lasting names: use a StatefulSet, or auto
{{- end }}
{{- if and (eq $values.workload.staticMembership "always") $scaled }}
workload.staticMembership is always, but an autoscaler takes pods away, whose partitions would wait for the session timeout: use auto
{{- end }}
{{- if gt (int $values.autoscaling.minReplicas) (int $values.autoscaling.maxReplicas) }}
autoscaling.minReplicas is greater than autoscaling.maxReplicas
{{- end }}
{{- include "headrace.kedaProblems" $values }}
{{- include "headrace.graceProblems" $values }}
{{- if and $values.networkPolicy.enabled (not $values.networkPolicy.egress) }}
networkPolicy.egress is empty, which cuts the pipeline off from Kafka and its destination: allow both, as in the example in values.yaml
{{- end }}
{{- range $values.extraEnv }}
{{- if and .value (regexMatch "^HEADRACE__.*(PASSWORD|SECRET|TOKEN|SALT|DESTINATION__URL)$" (.name | default "")) }}
extraEnv has {{ .name }} in plain text: put its value into a secret of yours and name it in secrets
{{- end }}
{{- end }}
{{- end }}

{{- define "headrace.kedaProblems" -}}
{{- if eq .autoscaling.kind "keda" }}
{{- $security := dig "kafka" "security" dict .config }}
{{- if not (dig "kafka" "group" "" .config) }}
autoscaling.kind is keda, which reads the lag of a consumer group: name it in config.kafka.group
{{- end }}
{{- if and (or $security.tls $security.mechanism) (not .autoscaling.keda.authenticationRef) }}
the brokers want TLS or SASL, so KEDA needs credentials too: set autoscaling.keda.authenticationRef to a TriggerAuthentication
{{- end }}
{{- end }}
{{- end }}

{{/* A statement may run for its timeout; the grace has to cover it, and the pod has to outlive the grace. */}}
{{- define "headrace.graceProblems" -}}
{{- $grace := dig "service" "grace_seconds" 25.0 .config | default 25.0 | float64 }}
{{- $statement := dig "destination" "statement_timeout_seconds" 120.0 .config | default 120.0 | float64 }}
{{- $flush := dig "batching" "max_age_seconds" 0.25 .config | default 0.25 | float64 }}
{{- $pod := .terminationGracePeriodSeconds | float64 }}
{{- if gt $statement $grace }}
a statement may run for {{ $statement }} s (config.destination.statement_timeout_seconds), longer than the {{ $grace }} s that a batch in flight has after SIGTERM: lower it, or raise config.service.grace_seconds
{{- end }}
{{- if gt $flush (divf $grace 2) }}
a batch may take {{ $flush }} s to fill (config.batching.max_age_seconds), more than half of config.service.grace_seconds ({{ $grace }} s): lower it, or raise the grace
{{- end }}
{{- if gt (addf $grace 10) $pod }}
terminationGracePeriodSeconds is {{ $pod }}, so a pod is killed while it still commits or leaves the group: set at least {{ addf $grace 10 }} (config.service.grace_seconds and 10 s)
{{- end }}
{{- end }}

{{/* What is wrong between the pipelines of a release, one problem a line. Takes root and pipelines. */}}
{{- define "headrace.sharedProblems" -}}
{{- if .root.Values.pipelines }}
{{- if .root.Values.config.pipeline }}
config.pipeline would be the name of every pipeline: set it in pipelines.<name>.config, or leave it out
{{- end }}
{{- if dig "kafka" "group" "" .root.Values.config }}
config.kafka.group would be the group of every pipeline, and a group shares partitions out: set it in pipelines.<name>.config, or leave it out
{{- end }}
{{- end }}
{{- end }}

{{/* Fails with everything that is wrong. */}}
{{- define "headrace.validate" -}}
{{- $pipelines := include "headrace.pipelines" . | fromJsonArray }}
{{- $problems := list }}
{{- range (include "headrace.sharedProblems" (dict "root" $)) | splitList "\n" | compact }}
{{- $problems = append $problems . }}
{{- end }}
{{- range $pipeline := $pipelines }}
{{- range (include "headrace.problems" (dict "root" $ "pipeline" $pipeline)) | splitList "\n" | compact }}
{{- $problems = append $problems (empty $.Values.pipelines | ternary . (printf "pipeline %s: %s" $pipeline.name .)) }}
{{- end }}
{{- end }}
{{- if $problems }}
{{- fail (printf "\n\nheadrace cannot be installed like this:\n- %s\n" (join "\n- " $problems)) }}
{{- end }}
{{- end }}
