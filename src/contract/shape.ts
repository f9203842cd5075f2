/** Checks of what messages carry: any client of the namespace, the Web UI and the CLI can send anything. Pure, without a schema library, whose schemas would be built anew for each workflow. */

/** Of a name, a message, an id, or a URL of the CA, which may have 2,048 characters (src/acme/url.ts). */
const MAX_TEXT_LENGTH = 2_048;

/** Whether a value is such. */
export type Check = (value: unknown) => boolean;

/** A text that is not empty, of bounded length. */
export function isText(value: unknown, maxLength = MAX_TEXT_LENGTH): value is string {
  return typeof value === 'string' && value !== '' && value.length <= maxLength;
}

/** A text of bounded length, which may be empty. */
export function isTextOrEmpty(value: unknown, maxLength = MAX_TEXT_LENGTH): value is string {
  return value === '' || isText(value, maxLength);
}

/** An instant as `Date.parse` reads it, such as RFC 3339. */
export function isInstant(value: unknown): value is string {
  return isText(value) && !Number.isNaN(Date.parse(value));
}

/** An integer from 0 on. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Absent, or such. */
export function isAbsentOr(value: unknown, check: Check): boolean {
  return value === undefined || check(value);
}

/** An array of bounded length, each element of which is such. */
export function isListOf(value: unknown, maxLength: number, check: Check): value is readonly unknown[] {
  return Array.isArray(value) && value.length <= maxLength && value.every((element) => check(element));
}

/** The fields of an object; none of anything else. */
export function fieldsOf<T>(value: unknown): Partial<Record<keyof T, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
}
