{{/* The image's full name. Takes a pipeline's values and the chart. */}}
{{- define "headrace.image" -}}
{{- $image := .values.image }}
{{- with $image.registry }}{{ . | trimSuffix "/" }}/{{ end }}{{ $image.repository }}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag | default .chart.AppVersion }}{{ end }}
{{- end }}

{{/* What the configuration file holds, with what the chart sets itself. Takes a pipeline's values. */}}
{{- define "headrace.config" -}}
{{- $service := dict "http" (printf ":%d" (int .http.port)) }}
{{- toYaml (mustMergeOverwrite (mustDeepCopy .config) (dict "service" $service)) }}
{{- end }}

{{/* Environment of headrace: its name in the group, and where its secrets lie. Takes a pipeline's values. */}}
{{- define "headrace.env" -}}
{{- range $setting, $_ := .secrets }}
- name: HEADRACE__{{ $setting | upper | replace "." "__" }}{{ if not (hasSuffix "_file" $setting) }}_FILE{{ end }}
  value: /run/secrets/headrace/{{ $setting }}
{{- end }}
{{- with .extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "headrace.volumeMounts" -}}
- name: config
  mountPath: /etc/headrace
  readOnly: true
{{- if .secrets }}
- name: secrets
  mountPath: /run/secrets/headrace
  readOnly: true
{{- end }}
- name: tmp
  mountPath: /tmp
{{- with .extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Takes root and pipeline. */}}
{{- define "headrace.volumes" -}}
{{- $values := .pipeline.values -}}
- name: config
  configMap:
    name: {{ .pipeline.fullname }}
{{- if $values.secrets }}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- range $setting, $source := $values.secrets }}
      - secret:
          name: {{ $source.existingSecret }}
          items:
            - key: {{ $source.key }}
              path: {{ $setting }}
      {{- end }}
{{- end }}
- name: tmp
  emptyDir:
    sizeLimit: {{ $values.tmp.sizeLimit }}
{{- with $values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What the pods of `run` and of `verify` have in common. Takes root and pipeline. */}}
{{- define "headrace.placement" -}}
{{- $values := .pipeline.values -}}
serviceAccountName: {{ include "headrace.serviceAccountName" .root }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with $values.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Takes path, and a probe's numbers. */}}
{{- define "headrace.probe" -}}
httpGet:
  path: {{ .path }}
  port: http
{{ toYaml .numbers }}
{{- end }}

{{/* The template of a streaming pod. Takes root and pipeline. */}}
{{- define "headrace.podTemplate" -}}
{{- $values := .pipeline.values -}}
metadata:
  labels:
    {{- include "headrace.selector" . | nindent 4 }}
    {{- with $values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    headrace/config-checksum: {{ printf "%s%s" (include "headrace.config" $values) (toJson $values.files) | sha256sum }}
    {{- with $values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- include "headrace.placement" . | nindent 2 }}
  terminationGracePeriodSeconds: {{ int64 $values.terminationGracePeriodSeconds }}
  {{- with $values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- range . }}
    {{- $ours := dict "labelSelector" (dict "matchLabels" (include "headrace.selector" $ | fromYaml)) }}
    - {{- toYaml (mustMerge (mustDeepCopy .) $ours) | nindent 6 }}
    {{- end }}
  {{- end }}
  {{- with $values.initContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: headrace
      image: {{ include "headrace.image" (dict "values" $values "chart" .root.Chart) }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      args:
        - run
        - --config
        - /etc/headrace/headrace.yaml
        {{- with $values.extraArgs }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- $env := include "headrace.env" $values | trim }}
      {{- if or $env (include "headrace.isStatic" $values) }}
      env:
        {{- if include "headrace.isStatic" $values }}
        - name: HEADRACE__KAFKA__INSTANCE_ID
          valueFrom:
            fieldRef:
              fieldPath: metadata.name
        {{- end }}
        {{- with $env }}
        {{- . | nindent 8 }}
        {{- end }}
      {{- end }}
      {{- with $values.extraEnvFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - name: http
          containerPort: {{ $values.http.port }}
      startupProbe:
        {{- include "headrace.probe" (dict "path" "/livez" "numbers" $values.probes.startup) | nindent 8 }}
      livenessProbe:
        {{- include "headrace.probe" (dict "path" "/livez" "numbers" $values.probes.liveness) | nindent 8 }}
      readinessProbe:
        {{- include "headrace.probe" (dict "path" "/readyz" "numbers" $values.probes.readiness) | nindent 8 }}
      {{- with $values.securityContext }}
      securityContext:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      volumeMounts:
        {{- include "headrace.volumeMounts" $values | nindent 8 }}
    {{- with $values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    {{- include "headrace.volumes" . | nindent 4 }}
{{- end }}
