/** What a setting is, and the two kinds there are: with a default, and optional. */
import type { ValueSchema } from './values.ts';

export type SettingGroup =
  | 'Management cluster'
  | 'Certificate authority'
  | 'DNS'
  | 'Controller'
  | 'Worker'
  | 'Observability'
  | 'Temporal'
  | 'Kubernetes and AWS';

/** What a person reads about a setting. */
export interface SettingDescription {
  readonly name: string;
  readonly group: SettingGroup;
  readonly meaning: string;
  /** What holds when it is not set, in words where it is not a fixed value. */
  readonly whenUnset: string;
  readonly example: string;
}

export interface Setting<T> extends SettingDescription {
  readonly schema: ValueSchema<T>;
  /** Text that is read when it is not set; undefined: the value is undefined. */
  readonly defaultText: string | undefined;
}

type Parts = Omit<SettingDescription, 'whenUnset'>;

/** A setting that always has a value. */
export function withDefault<T>(parts: Parts & { readonly default: string }, schema: ValueSchema<T>): Setting<T> {
  const { default: defaultText, ...description } = parts;
  return Object.freeze({ ...description, whenUnset: `\`${defaultText}\``, defaultText, schema });
}

/** A setting that may be absent. */
export function optional<T>(
  parts: Parts & { readonly whenUnset: string },
  schema: ValueSchema<T>,
): Setting<T | undefined> {
  return Object.freeze({ ...parts, defaultText: undefined, schema });
}
