/** A URL with a seal as its fragment, which is never sent (RFC 3986 §3.5). Pure. */

/** A URL and its seal; absent when it has none. */
export interface SealedUrl {
  readonly url: string;
  readonly seal?: string;
}

/** The URL with the seal as its fragment. */
export function joinSeal(url: string, seal: string): string {
  return `${url}#${seal}`;
}

/** The inverse of {@link joinSeal}. */
export function splitSeal(sealed: string): SealedUrl {
  const at = sealed.indexOf('#');
  return at === -1 ? { url: sealed } : { url: sealed.slice(0, at), seal: sealed.slice(at + 1) };
}
