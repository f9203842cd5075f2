import type { ValueSchema } from './values.ts';

/** Headings of the list of settings. */
export type SettingGroup =
  | 'Management cluster'
  | 'Certificate authority'
  | 'DNS'
  | 'Controller'
  | 'Worker'
  | 'Observability'
  | 'Temporal'
  | 'Kubernetes and AWS';

/** A row of the table in the README. */
export interface SettingDescription {
  readonly name: string;
  readonly group: SettingGroup;
  readonly meaning: string;
  /** The default, or in words what applies when it is not set. */
  readonly whenUnset: string;
  readonly example: string;
}

/** A setting with its schema; its group is that of the table it is in. */
export interface Setting<T> extends Omit<SettingDescription, 'group'> {
  readonly schema: ValueSchema<T>;
  /** Text that is read when it is not set; undefined: the value is undefined. */
  readonly defaultText: string | undefined;
}

/** A setting that always has a value. */
export function withDefault<T>(
  name: string,
  schema: ValueSchema<T>,
  parts: { readonly default: string; readonly example: string; readonly meaning: string },
): Setting<T> {
  const { default: defaultText, ...description } = parts;
  return { name, ...description, whenUnset: `\`${defaultText}\``, defaultText, schema };
}

/** A setting that may be absent. */
export function optional<T>(
  name: string,
  schema: ValueSchema<T>,
  parts: { readonly whenUnset: string; readonly example: string; readonly meaning: string },
): Setting<T | undefined> {
  return { name, ...parts, defaultText: undefined, schema };
}
