/** Text from outside, as it may be shown: terminals obey control characters, and some characters are invisible. Pure. */

// Control characters but newline and tab, soft hyphen, marks of direction, zero-width characters, halves of pairs.
const UNPRINTABLE =
  // oxlint-disable-next-line no-control-regex -- these are what is to be found
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\p{Surrogate}/gu;

/** A text of one or more lines with its unprintable characters as `\u001b`, as JSON writes them. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A text as one line of at most `maxLength` characters: white space becomes one space, the rest as {@link printable}. */
export function oneLine(text: string, maxLength = Number.POSITIVE_INFINITY): string {
  const line = printable(
    text
      .slice(0, maxLength + 1)
      .replace(/\s+/g, ' ')
      .trim(),
  );
  return line.length <= maxLength ? line : `${line.slice(0, maxLength)}…`;
}
