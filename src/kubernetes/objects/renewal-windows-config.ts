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

const REMEDY =
  'Correct them: certman windows check. Until then, the last valid ones apply; a worker that has not read any postpones planned renewals as far as is safe.';

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

/** The rules that apply. */
export interface AppliedWindows {
  /** Undefined: the entry is not valid, and this process has read no valid one. */
  readonly rules: RenewalWindows | undefined;
  /** What is wrong with the entry; the rules are then the last valid ones. */
  readonly problem?: CertmanError;
}

/** Reads the rules, and keeps the last valid ones. */
export class RenewalWindowsConfig {
  readonly #namespace: string;
  #text: string | undefined;
  #applied: AppliedWindows | undefined;

  /** @param namespace certman's. */
  constructor(namespace: string) {
    this.#namespace = namespace;
  }

  /** The last ones that were read, where they cannot be read now. @throws CertmanError `kubernetes/…` where none were. */
  async read(kubernetes: Pick<KubernetesApi, 'get'>): Promise<AppliedWindows> {
    let found: KubernetesObject | undefined;
    try {
      found = await kubernetes.get(CONFIG_MAPS, { namespace: this.#namespace, name: SETTINGS_CONFIG_MAP });
    } catch (error) {
      // A renewal that is due need not wait for the ConfigMap.
      if (error instanceof CertmanError && this.#applied?.rules !== undefined) return this.#applied;
      throw error;
    }
    return await this.apply(found);
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
      this.#applied = { rules: this.#applied?.rules, problem: error };
    }
    this.#text = text;
    return this.#applied;
  }
}
