/**
 * Values in the form that takes the least memory, and back. V8 keeps an integer of 32 bits in the field itself; any other
 * number takes 16 bytes beside it, a text of digits 24 or more. A value that has no such form is kept as it is.
 */

/** Epoch milliseconds of the years 0 to 9999 as seconds, for {@link fromSeconds}: a whole second is an integer of 32 bits until 2038. */
export function toSeconds(ms: number): number;
export function toSeconds(ms: number | undefined): number | undefined;
export function toSeconds(ms: number | undefined): number | undefined {
  return toOptionalInteger(ms === undefined ? undefined : ms / 1000);
}

/** Epoch milliseconds: the integer that {@link toSeconds} was given. */
export function fromSeconds(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : Math.round(seconds * 1000);
}

/** A text of digits, such as a resourceVersion, as an integer. `String` gives the text again. */
export function toDigits(text: string): number | string {
  const integer = Number(text) | 0;
  return String(integer) === text ? integer : text;
}

/** The same number. The result of a division is no integer to V8, even where it is whole. */
export function toOptionalInteger(value: number | undefined): number | undefined {
  return value === undefined || !isInteger32(value) ? value : value | 0;
}

function isInteger32(value: number): boolean {
  return (value | 0) === value;
}
