import type { Format } from './values.ts';

/** A row of docs/configuration.md. */
export interface SettingRow {
  readonly name: string;
  readonly meaning: string;
  /** The default, or in words what applies when it is not set. */
  readonly whenUnset: string;
  readonly example: string;
}

/** A setting that certman reads itself. */
export interface Setting<T> extends SettingRow {
  readonly format: Format<T>;
  /** Text that is read when it is not set. */
  readonly defaultText?: string;
}

/** A setting that always has a value. */
export function withDefault<T>(
  name: string,
  format: Format<T>,
  defaultText: string,
  row: Pick<SettingRow, 'example' | 'meaning'>,
): Setting<T> {
  return { name, format, defaultText, whenUnset: `\`${defaultText}\``, ...row };
}

/** A setting that may be absent: then its value is undefined. */
export function optional<T>(name: string, format: Format<T>, row: Omit<SettingRow, 'name'>): Setting<T | undefined> {
  return { name, format, ...row };
}
