import { writeFile } from 'node:fs/promises';

/** Content of a kubeconfig. */
export interface KubeconfigParts {
  readonly server: string;
  readonly caFile: string;
  readonly user: string;
  readonly token: string;
}

/** Writes a kubeconfig with one context, as JSON, readable by its owner only. */
export async function writeKubeconfig(file: string, parts: KubeconfigParts): Promise<void> {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'certman-local', cluster: { server: parts.server, 'certificate-authority': parts.caFile } }],
    users: [{ name: parts.user, user: { token: parts.token } }],
    contexts: [{ name: 'certman-local', context: { cluster: 'certman-local', user: parts.user } }],
    'current-context': 'certman-local',
  };
  await writeFile(file, `${JSON.stringify(config, undefined, 2)}\n`, { mode: 0o600 });
}
