import { fetchAccount } from '../../acme/account-object.ts';
import type { AcmeClientSource } from '../../acme/client-source.ts';
import { type AcmeDirectory, caNameOf, fetchDirectory } from '../../acme/directory.ts';
import { AcmeTransport } from '../../acme/transport.ts';
import type { Configuration } from '../../configuration/load-configuration.ts';
import type { CaaApplicant } from '../../dns/caa.ts';
import { ACCOUNT_SECRET } from '../../kubernetes/objects/operator-settings.ts';
import { VERSION } from '../../version.ts';
import { commandLine } from '../program-name.ts';
import { Check, CheckFailure, passed, warning } from './check.ts';
import type { FoundAccount } from './settings-checks.ts';

/** Where nothing says which CA: that of certman-operator's accounts. */
const DEFAULT_DIRECTORY = 'https://acme-v02.api.letsencrypt.org/directory';
/** Signatures of AWS are refused when clocks differ by more than five minutes. */
const MAX_SKEW_MS = 5 * 60_000;
const NOTED_SKEW_MS = 30_000;

/** A CA of the settings, with the check of the Secret of its account; before an installation without. */
export interface CheckedCa {
  readonly secretName: string;
  /** Of the settings; absent: by the account. */
  readonly directoryUrl: string | undefined;
  readonly account: Check<FoundAccount> | undefined;
  readonly source: (() => AcmeClientSource) | undefined;
  /** Orders are only proved there: nothing that it issues is renewed. */
  readonly isStaging?: boolean;
}

/** The checks of one CA, and who would order there, once they have run. */
export interface CaChecks {
  readonly all: readonly Check<unknown>[];
  readonly directory: Check<DatedDirectory>;
  /** Of its account; none before an installation. */
  readonly accounts: readonly Check<FoundAccount>[];
  /** By whom CAA records are to allow an order. Only after `directory` and the account. */
  readonly applicant: () => CaaApplicant | undefined;
}

interface DatedDirectory {
  readonly directory: AcmeDirectory;
  /** The CA's clock minus this machine's; undefined where the CA does not say. */
  readonly skewMs: number | undefined;
}

/** Directory, terms, profile, ARI, clock, and the account as the CA has it. */
export function caChecks(
  { secretName, directoryUrl, account, source, isStaging }: CheckedCa,
  settings: Pick<Configuration, 'acmeCaBundle' | 'privateNetworks' | 'acmeProfile' | 'renewalPolicy'>,
  onClose: (close: () => Promise<void>) => void,
): CaChecks {
  const known = directoryUrl ?? (account === undefined ? DEFAULT_DIRECTORY : undefined);
  const group = known === undefined ? `CA of the account in Secret ${secretName}` : `CA ${caNameOf(known)}`;
  const suffix = secretName === ACCOUNT_SECRET ? '' : `:${secretName}`;
  const directory = new Check<DatedDirectory>({
    id: `ca-directory${suffix}`,
    group,
    title: 'its directory is reachable',
    needs: known === undefined && account !== undefined ? [account] : [],
    remedy: 'Check CERTMAN_ACME_DIRECTORY_URL, CERTMAN_ACME_CA_BUNDLE, and what is between: proxies, NetworkPolicies.',
    run: async (signal) => {
      const url = known ?? account?.value.directoryUrl ?? DEFAULT_DIRECTORY;
      const { acmeCaBundle: caBundlePem, privateNetworks } = settings;
      const transport = new AcmeTransport({ userAgent: `certman/${VERSION}`, caBundlePem, privateNetworks });
      onClose(() => transport.close());
      transport.trust(url);
      const sentAt = Date.now();
      const { directory: found, date } = await fetchDirectory(transport, url, signal);
      const middle = (sentAt + Date.now()) / 2;
      const skewMs = date === undefined || Number.isNaN(Date.parse(date)) ? undefined : Date.parse(date) - middle;
      return passed(url, { directory: found, skewMs });
    },
  });
  const ofDirectory = { group, needs: [directory] };
  const all: Check<unknown>[] = [
    directory,
    new Check({
      ...ofDirectory,
      id: `ca-clock${suffix}`,
      title: 'its clock and that of this machine agree',
      run: () => Promise.resolve(skewFinding(directory.value.skewMs)),
    }),
    new Check({
      ...ofDirectory,
      id: `ca-terms${suffix}`,
      title: 'what it asks of a new account',
      run: () => Promise.resolve(termsFinding(directory.value.directory, account !== undefined)),
    }),
    new Check({
      ...ofDirectory,
      id: `ca-profile${suffix}`,
      title: 'it offers the profile of the settings',
      run: () => Promise.resolve(profileFinding(directory.value.directory, settings.acmeProfile)),
    }),
  ];
  if (isStaging !== true)
    all.push(
      new Check({
        ...ofDirectory,
        id: `ca-ari${suffix}`,
        title: 'it suggests when to renew (ARI, RFC 9773)',
        run: () => Promise.resolve(ariFinding(directory.value.directory, settings.renewalPolicy)),
      }),
    );
  if (account !== undefined && source !== undefined)
    all.push(registeredCheck(group, suffix, directory, account, source));
  return {
    all,
    directory,
    accounts: account === undefined ? [] : [account],
    applicant: () => {
      const { caaIdentities = [] } = directory.value.directory.meta ?? {};
      if (account === undefined || caaIdentities.length === 0) return undefined;
      return { identities: caaIdentities, accountUrl: account.value.url, method: 'dns-01' };
    },
  };
}

function registeredCheck(
  group: string,
  suffix: string,
  directory: Check<unknown>,
  account: Check<FoundAccount>,
  source: () => AcmeClientSource,
): Check<unknown> {
  return new Check({
    id: `ca-account${suffix}`,
    group,
    title: 'it knows the account and its key',
    needs: [directory, account],
    run: async (signal) => {
      const { status, contact } = await source().withClient((ca) => fetchAccount(ca), signal);
      if (status === 'valid') return passed(`valid, ${contact.length === 0 ? 'no contact kept' : contact.join(', ')}`);
      throw new CheckFailure(
        `The account ${account.value.url} is ${status}: nothing can be ordered with it, or revoked.`,
        `Put another one into the Secret: ${commandLine('account create --help')}`,
      );
    },
  });
}

/** Whether the clocks agree. @param skewMs how far the other one is ahead. */
export function skewFinding(skewMs: number | undefined) {
  if (skewMs === undefined)
    return warning('It does not say what time it is.', 'Compare this machine with a time server.');
  const seconds = Math.round(Math.abs(skewMs) / 1_000);
  const found = `This machine is ${seconds} s ${skewMs > 0 ? 'behind' : 'ahead'}`;
  const remedy = 'Set the clock: of the node (chrony, NTP) where this runs in a pod.';
  if (Math.abs(skewMs) > MAX_SKEW_MS) {
    throw new CheckFailure(
      `${found}: certificates are renewed at the wrong time, TLS connections and the signatures of AWS are refused.`,
      remedy,
    );
  }
  // The header has whole seconds.
  return Math.abs(skewMs) <= NOTED_SKEW_MS ? passed('to within half a minute') : warning(`${found}.`, remedy);
}

/** Terms and external account binding. @param hasAccount they matter to a new one only. */
export function termsFinding({ meta = {} }: AcmeDirectory, hasAccount: boolean) {
  const terms = meta.termsOfService === undefined ? 'no terms of service' : `the terms at ${meta.termsOfService}`;
  if (meta.externalAccountRequired !== true) return passed(terms);
  const bound = `${terms}, and external account binding (RFC 8555 §7.3.4)`;
  if (hasAccount) return passed(bound);
  return warning(
    `It asks for ${bound}.`,
    `Get the key id and HMAC key from the CA, and put them into a Secret: ${commandLine('account create --eab-secret <name>')}`,
  );
}

/** Whether the profile of the settings is there. */
export function profileFinding({ meta = {} }: AcmeDirectory, profile: string | undefined) {
  const offered = Object.keys(meta.profiles ?? {}).join(', ') || 'none';
  if (profile === undefined) return passed(`none is set; it offers ${offered}`);
  if (Object.hasOwn(meta.profiles ?? {}, profile)) return passed(profile);
  throw new CheckFailure(
    `It does not offer the profile ${profile}, but ${offered}: every order is refused.`,
    'Correct CERTMAN_ACME_PROFILE.',
  );
}

/** Whether renewal information is there, and needed. */
export function ariFinding({ renewalInfo }: AcmeDirectory, policy: Configuration['renewalPolicy']) {
  if (renewalInfo !== undefined) return passed('yes');
  const without = 'It has no renewal information';
  return policy === 'ari'
    ? warning(
        `${without}, which the renewal policy ari needs: certificates are renewed when a third of their lifetime is left.`,
        'Leave it so, or unset CERTMAN_RENEWAL_POLICY.',
      )
    : warning(`${without}: that it wants a certificate renewed early is known by its CRL only.`, 'Nothing to do.');
}
