import { z } from 'zod';

const MAX_URL_LENGTH = 2048;

/** The absolute https URL (RFC 8555 §6.1), without user information, that a text is; undefined when it is none. */
export function parseAcmeUrl(text: string, base?: string): string | undefined {
  if (text.length > MAX_URL_LENGTH || !URL.canParse(text, base)) return undefined;
  const { protocol, username, password, href } = new URL(text, base);
  // Escaping makes it longer: what gets it has the same limit.
  const isUsable = protocol === 'https:' && username === '' && password === '' && href.length <= MAX_URL_LENGTH;
  return isUsable ? href : undefined;
}

/** A URL in an answer of the CA. */
export const acmeUrlSchema = z.string().transform((text, context) => {
  const url = parseAcmeUrl(text);
  if (url !== undefined) return url;
  context.addIssue('expected an https URL');
  return z.NEVER;
});
