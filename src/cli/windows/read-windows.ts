import { open } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { loadSettings } from '../../configuration/load-configuration.ts';
import type { KubernetesApi } from '../../kubernetes/api/kubernetes-api.ts';
import { SETTINGS_CONFIG_MAP } from '../../kubernetes/objects/operator-settings.ts';
import {
  MAX_WINDOWS_LENGTH,
  parseWindowsText,
  WINDOWS_ENTRY,
  windowsTextOf,
} from '../../kubernetes/objects/renewal-windows-config.ts';
import { CONFIG_MAPS } from '../../kubernetes/objects/resources.ts';
import type { RenewalWindows } from '../../renewal-windows/rules.ts';
import { UsageError } from '../arguments.ts';
import type { KubeConnection } from '../kubectl-options.ts';
import { withKubernetes } from '../kubernetes-client.ts';

/** Those of the ConfigMap. @throws CertmanError `configuration/invalid` that says what is wrong with them; `kubernetes/…`. */
export async function readWindows(connection: KubeConnection): Promise<RenewalWindows> {
  return await withKubernetes(windowsIn, connection);
}

/** As {@link readWindows}. */
export async function windowsIn(kubernetes: Pick<KubernetesApi, 'get'>): Promise<RenewalWindows> {
  const { namespace } = loadSettings(process.env, ['namespace']);
  const found = await kubernetes.get(CONFIG_MAPS, { namespace, name: SETTINGS_CONFIG_MAP });
  const where = `ConfigMap ${namespace}/${SETTINGS_CONFIG_MAP}, entry ${WINDOWS_ENTRY},`;
  return await parseWindowsText(windowsTextOf(found), where);
}

/** Those of a file, or of stdin (`-`). @throws UsageError when it cannot be read; CertmanError as {@link readWindows}. */
export async function readWindowsFile(path: string): Promise<RenewalWindows> {
  const found = path === '-' ? await text(process.stdin) : await readLimited(path);
  return await parseWindowsText(found, path === '-' ? 'stdin' : path);
}

async function readLimited(path: string): Promise<string> {
  try {
    await using file = await open(path);
    // One character more shows that there is too much.
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_WINDOWS_LENGTH * 4 + 1), 0, null, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new UsageError(`${path} cannot be read: ${why}`);
  }
}
