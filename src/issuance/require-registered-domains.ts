import { CertmanError } from '../failures/failure.ts';
import type { StatedLimit } from '../rate-limit/account-limits.ts';

/** @throws CertmanError `configuration/invalid` for a limit of a name that is no registered domain: it would never hold. */
export async function requireRegisteredDomains(stated: readonly StatedLimit[]): Promise<void> {
  const domains = stated.flatMap(({ of }) => (typeof of === 'string' ? [] : [of.domain]));
  if (domains.length === 0) return;
  const { registeredDomain } = await import('../acme/registered-domains.ts');
  const wrong = domains.find((domain) => registeredDomain(domain) !== domain);
  if (wrong === undefined) return;
  throw new CertmanError({
    code: 'configuration/invalid',
    message: `CERTMAN_CA_LIMITS has a limit of ${wrong}, which is no registered domain: CAs count certificates below ${registeredDomain(wrong) ?? 'names below it'}.`,
    remedy: 'State the registered domain.',
  });
}
