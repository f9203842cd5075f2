import { getDomain } from 'tldts';

/**
 * The registered domains of names, sorted, as Let's Encrypt counts certificates: by the Public Suffix List with its
 * private section, below which each user has a domain of its own; a public suffix counts as itself.
 * Source: https://letsencrypt.org/docs/rate-limits/#new-certificates-per-registered-domain; Boulder counts by
 * publicsuffix.Domain, and by the name itself where that fails.
 */
export function registeredDomains(names: readonly string[]): readonly string[] {
  const domains = names.map((name) => {
    const plain = name.toLowerCase().replace(/^\*\./, '').replace(/\.$/, '');
    return getDomain(plain, { allowPrivateDomains: true, validateHostname: false }) ?? plain;
  });
  return [...new Set(domains)].sort();
}
