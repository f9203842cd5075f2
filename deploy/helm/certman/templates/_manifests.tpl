{{/* The text of a file of deploy/, for the namespace of the release. Takes root, file. */}}
{{- define "certman.text" -}}
{{- $text := .root.Files.Get (printf "manifests/%s" .file) -}}
{{- if not $text }}{{ fail (printf "the chart lacks %s: package it from a checkout in which symbolic links are kept" .file) }}{{ end -}}
{{- $text
  | replace "namespace: certman-operator\n" (printf "namespace: %s\n" .root.Release.Namespace)
  | replace "system:serviceaccount:certman-operator:" (printf "system:serviceaccount:%s:" .root.Release.Namespace) -}}
{{- end }}

{{/* The patches of the components that are enabled, as {"items": [...]}. */}}
{{- define "certman.patches" -}}
{{- $components := list -}}
{{- if .Values.temporal.mtls.enabled }}{{ $components = append $components "temporal-mtls" }}{{ end -}}
{{- if .Values.temporal.apiKey.enabled }}{{ $components = append $components "temporal-api-key" }}{{ end -}}
{{- if .Values.payloadEncryption.enabled }}{{ $components = append $components "payload-encryption" }}{{ end -}}
{{- if .Values.tracing.enabled }}{{ $components = append $components "tracing" }}{{ end -}}
{{- $patches := list -}}
{{- range $components -}}
{{- $file := printf "components/%s/kustomization.yaml" . -}}
{{- range (include "certman.text" (dict "root" $ "file" $file) | fromYaml).patches -}}
{{- /* One with a target is a list of operations, which the template of that object knows. */ -}}
{{- if not .target }}{{ $patches = append $patches (fromYaml .patch) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- dict "items" $patches | toJson -}}
{{- end }}

{{/* The ConfigMap certman-worker. */}}
{{- define "certman.settings" -}}
{{- $configMap := include "certman.text" (dict "root" . "file" "base/worker-settings.yaml") | fromYaml -}}
{{- $data := $configMap.data -}}
{{- $_ := set $data "CERTMAN_MANAGEMENT_CLUSTER" .Values.managementCluster -}}
{{- $_ := set $data "TEMPORAL_ADDRESS" .Values.temporal.address -}}
{{- $_ := set $data "TEMPORAL_NAMESPACE" .Values.temporal.namespace -}}
{{- if not .Values.temporal.allowPlaintext }}{{ $_ := unset $data "CERTMAN_ALLOW_PLAINTEXT_TEMPORAL" }}{{ end -}}
{{- range (include "certman.patches" . | fromJson).items -}}
{{- if eq .kind "ConfigMap" -}}
{{- range $name, $value := .data -}}
{{- if kindIs "invalid" $value }}{{ $_ := unset $data $name }}{{ else }}{{ $_ := set $data $name $value }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- with .Values.watchNamespaces }}{{ $_ := set $data "CERTMAN_WATCH_NAMESPACES" (join "," .) }}{{ end -}}
{{- range $name, $value := .Values.settings }}{{ $_ := set $data $name (kindIs "string" $value | ternary $value (toJson $value)) }}{{ end -}}
{{- toYaml $configMap -}}
{{- end }}

{{/* The Deployment, whose pod template is also that of the WorkerDeployment. */}}
{{- define "certman.deployment" -}}
{{- $deployment := include "certman.text" (dict "root" . "file" "base/deployment.yaml") | fromYaml -}}
{{- $_ := set $deployment.spec "replicas" .Values.replicas -}}
{{- $template := $deployment.spec.template -}}
{{- $pod := $template.spec -}}
{{- $worker := first $pod.containers -}}
{{- $_ := set $worker "image" (include "certman.image" .) -}}
{{- $_ := set $worker "resources" .Values.resources -}}
{{- range (include "certman.patches" . | fromJson).items -}}
{{- if eq .kind "Deployment" -}}
{{- $patch := .spec.template.spec -}}
{{- $_ := set $worker "volumeMounts" (concat $worker.volumeMounts (first $patch.containers).volumeMounts) -}}
{{- $_ := set $pod "volumes" (concat $pod.volumes $patch.volumes) -}}
{{- end -}}
{{- end -}}
{{- $_ := set $worker "volumeMounts" (concat $worker.volumeMounts .Values.volumeMounts) -}}
{{- $_ := set $pod "volumes" (concat $pod.volumes .Values.volumes) -}}
{{- range $field := list "imagePullSecrets" "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" "priorityClassName" -}}
{{- with index $.Values $field }}{{ $_ := set $pod $field . }}{{ end -}}
{{- end -}}
{{- /* Variables are read at the start of a pod: new settings need new pods. */ -}}
{{- $annotations := dict "checksum/settings" (include "certman.settings" . | sha256sum) -}}
{{- $_ := set $template.metadata "annotations" (merge $annotations .Values.podAnnotations) -}}
{{- toYaml $deployment -}}
{{- end }}

{{- define "certman.image" -}}
{{- $repository := required "image.repository is not set: name the image that you have built and pushed, such as quay.io/example/certman" .Values.image.repository -}}
{{- with .Values.image -}}
{{- if .digest }}{{ $repository }}@{{ .digest }}{{ else }}{{ $repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end -}}
{{- end -}}
{{- end }}
