/** The renewal windows in certman's ConfigMap: read when a renewal is due, so that they are never those of a minute ago. */
import { z } from 'zod';
import { CertmanError } from '../../failures/failure.ts';
import { NO_RENEWAL_WINDOWS, type RenewalWindows } from '../../renewal-windows/rules.ts';
import type { KubernetesApi, KubernetesObject } from '../api/kubernetes-api.ts';
import { SETTINGS_CONFIG_MAP } from './operator-settings.ts';
import { CONFIG_MAPS } from './resources.ts';

/** Entry of {@link SETTINGS_CONFIG_MAP}: YAML with `windows` and `freezes`. */
export const WINDOWS_ENTRY = 'renewal_windows';

/** Characters of the entry: a hundred rules of each kind, with selectors. */
export const MAX_WINDOWS_LENGTH = 64 * 1024;

const REMEDY = 'Correct them: certman windows check. Until then, planned renewals that are due wait as far as is safe.';

const dataSchema = z.record(z.string(), z.unknown()).catch({});

/** The text of the entry; undefined: there is none. */
export function windowsTextOf(configMap: KubernetesObject | undefined): string | undefined {
  const found = dataSchema.parse(configMap?.['data'])[WINDOWS_ENTRY];
  return typeof found === 'string' && found.trim() !== '' ? found : undefined;
}

/**
 * @param where the text is, for the message. @param remedy what to do, and what applies until then.
 * @throws CertmanError `configuration/invalid` that says what is wrong.
 */
export async function parseWindowsText(
  text: string | undefined,
  where: string,
  remedy = 'Correct them (docs/renewal-windows.md).',
): Promise<RenewalWindows> {
  if (text === undefined) return NO_RENEWAL_WINDOWS;
  const parsed = await parseYaml(text);
  if (parsed.kind === 'valid') return parsed.rules;
  throw new CertmanError({
    code: 'configuration/invalid',
    message: `The renewal windows in ${where} are not valid: ${parsed.problem}.`,
    remedy,
  });
}

async function parseYaml(text: string) {
  if (text.length > MAX_WINDOWS_LENGTH) {
    return {
      kind: 'invalid',
      problem: `they have ${text.length} characters, and at most ${MAX_WINDOWS_LENGTH} are read`,
    } as const;
  }
  let found: unknown;
  try {
    // Loaded by the first process that has windows.
    const { parse } = await import('yaml');
    found = parse(text);
  } catch (error) {
    const [why = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
    return { kind: 'invalid', problem: `no YAML: ${why}` } as const;
  }
  const { parseRenewalWindows } = await import('../../renewal-windows/parse-windows.ts');
  return parseRenewalWindows(found);
}

/** The rules that apply, or what is wrong with the entry. */
export interface AppliedWindows {
  /** Undefined: the entry is not valid. */
  readonly rules: RenewalWindows | undefined;
  readonly problem?: CertmanError;
}

/**
 * Reads the rules. Earlier ones count for nothing: this worker may never have read the last valid ones, and would renew in a
 * freeze that others know.
 */
export class RenewalWindowsConfig {
  readonly #namespace: string;
  #text: string | undefined;
  #applied: AppliedWindows | undefined;

  /** @param namespace certman's. */
  constructor(namespace: string) {
    this.#namespace = namespace;
  }

  /** @throws CertmanError `kubernetes/…` */
  async read(kubernetes: Pick<KubernetesApi, 'get'>): Promise<AppliedWindows> {
    return await this.apply(
      await kubernetes.get(CONFIG_MAPS, { namespace: this.#namespace, name: SETTINGS_CONFIG_MAP }),
    );
  }

  /** The rules in a ConfigMap that was read; undefined: it does not exist. */
  async apply(configMap: KubernetesObject | undefined): Promise<AppliedWindows> {
    const text = windowsTextOf(configMap);
    if (this.#applied !== undefined && text === this.#text) return this.#applied;
    const where = `ConfigMap ${this.#namespace}/${SETTINGS_CONFIG_MAP}, entry ${WINDOWS_ENTRY},`;
    try {
      this.#applied = { rules: await parseWindowsText(text, where, REMEDY) };
    } catch (error) {
      if (!(error instanceof CertmanError)) throw error;
      this.#applied = { rules: undefined, problem: error };
    }
    this.#text = text;
    return this.#applied;
  }
}
