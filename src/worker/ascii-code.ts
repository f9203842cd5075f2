/**
 * The same program in ASCII. V8 keeps a text with one character beyond Latin-1 in two bytes for each, and a worker keeps
 * the workflow code in both of its threads.
 * @param code JavaScript whose other characters are in literals and comments, none of them after a backslash, and none in a
 * template of which a tag reads the raw text.
 */
export function asciiCode(code: string): string {
  return code.replaceAll(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
