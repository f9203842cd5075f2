import { getDomain } from 'tldts';

/**
 * The registered domains of names, sorted, as Let's Encrypt counts certificates: by the Public Suffix List with its
 * private section, below which each user has a domain of its own; a public suffix counts as itself.
 * Source: https://letsencrypt.org/docs/rate-limits/#new-certificates-per-registered-domain; Boulder counts by
 * publicsuffix.Domain, and by the name itself where that fails.
 */
export function registeredDomains(names: readonly string[]): readonly string[] {
  return [...new Set(names.map((name) => registeredDomain(name) ?? plainName(name)))].sort();
}

/** The registered domain of a name; undefined: it is a public suffix. */
export function registeredDomain(name: string): string | undefined {
  return getDomain(plainName(name), { allowPrivateDomains: true, validateHostname: false }) ?? undefined;
}

function plainName(name: string): string {
  return name.toLowerCase().replace(/^\*\./, '').replace(/\.$/, '');
}
