import { fetchAccount } from '../../acme/account-object.ts';
import type { CaList } from '../../acme/ca-list.ts';
import type { AcmeClientSource } from '../../acme/client-source.ts';
import type { CaaApplicant } from '../../dns/caa.ts';
import { CertmanError } from '../../failures/failure.ts';

/** A CA of the list, as it answers now. */
export interface CheckedCa {
  /** Name (`caNameOf`); empty while the account that names it cannot be read. */
  readonly ca: string;
  /** Secret in certman's namespace with the account. */
  readonly secret: string;
  /** Proves orders (CERTMAN_STAGING_ACCOUNT), and issues nothing that is used. */
  readonly staging?: true;
  /** Why it cannot be used; absent: it can. */
  readonly problem?: string;
  readonly account?: string;
  /** `valid`, `deactivated` or `revoked`. */
  readonly accountStatus?: string;
  /** Where its terms of service are. */
  readonly terms?: string;
  /** Names of the profiles that it offers. */
  readonly profiles?: readonly string[];
  /** Whether it has renewal information (RFC 9773). */
  readonly ari?: boolean;
  /** Names by which CAA records allow it; empty: it does not say, so that CAA is left to the CA. */
  readonly caaIdentities?: readonly string[];
}

/** The Secrets of the accounts, in certman's namespace. */
export interface AccountSecrets {
  /** Of those that certificates are ordered with, in the order of the list. */
  readonly ordering: readonly string[];
  /** Of the staging CA. */
  readonly staging?: string | undefined;
}

/** Checks each CA: directory, account and profile. @returns those that certificates are ordered from, then the staging CA. */
export async function checkAccounts(
  cas: CaList,
  secrets: AccountSecrets,
  profile: string | undefined,
): Promise<readonly CheckedCa[]> {
  const ordering = cas.from(cas.first).map((source, index) => ({ source, secret: secrets.ordering[index] ?? '' }));
  const check = ({ source, secret }: (typeof ordering)[number]) => checkAccount(source, secret, profile);
  const { staging: source } = cas;
  if (source === undefined) return await Promise.all(ordering.map(check));
  const staging = check({ source, secret: secrets.staging ?? '' });
  return await Promise.all([...ordering.map(check), staging.then((found) => ({ ...found, staging: true as const }))]);
}

/** By whom CAA records are to allow an order; undefined when the CA does not say or cannot be used. */
export function applicantOf({ problem, account, caaIdentities = [] }: CheckedCa): CaaApplicant | undefined {
  if (problem !== undefined || account === undefined || caaIdentities.length === 0) return undefined;
  return { identities: caaIdentities, accountUrl: account, method: 'dns-01' };
}

async function checkAccount(source: AcmeClientSource, secret: string, profile: string | undefined): Promise<CheckedCa> {
  let found: Partial<CheckedCa> = {};
  try {
    await source.withClient(async (ca) => {
      found = { account: ca.session.account.url };
      const { meta = {}, renewalInfo } = await ca.directory();
      const profiles = Object.keys(meta.profiles ?? {});
      found = {
        ...found,
        terms: meta.termsOfService,
        profiles,
        ari: renewalInfo !== undefined,
        caaIdentities: meta.caaIdentities ?? [],
      };
      const { status } = await fetchAccount(ca);
      found = { ...found, accountStatus: status, problem: problemOf(status, profile, profiles) };
    });
  } catch (error) {
    if (!(error instanceof CertmanError)) throw error;
    found = { ...found, problem: [error.message, error.info.remedy ?? ''].join(' ').trim() };
  }
  return { ca: source.name, secret, ...found };
}

function problemOf(status: string, profile: string | undefined, profiles: readonly string[]): string | undefined {
  if (status !== 'valid') return `Its account is ${status}: put another one into the Secret.`;
  if (profile === undefined || profiles.includes(profile)) return undefined;
  const offered = profiles.length === 0 ? 'none' : profiles.join(', ');
  return `It does not offer the profile ${profile} of CERTMAN_ACME_PROFILE, but ${offered}.`;
}
