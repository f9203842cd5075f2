/**
 * The names that a certificate must carry: of a bundle, from what the ClusterDeployment says; of a CertificateRequest, as they
 * stand there. Pure.
 */
import { dnsNameProblem, isInZone, MAX_COMMON_NAME_LENGTH, quoted } from './dns-name.ts';

/** The CA's limit for one certificate. Source: https://letsencrypt.org/docs/rate-limits/ ("names per certificate"). */
export const MAX_NAMES = 100;

/** Names of a bundle in order; the first is the CN when it has at most 64 characters. Or why there are none. */
export type BundleNames =
  | { readonly kind: 'valid'; readonly dnsNames: readonly string[]; readonly commonName?: string }
  | {
      readonly kind: 'invalid';
      readonly code: 'names/none' | 'names/invalid' | 'names/tooMany' | 'dns/nameOutsideZone';
      readonly message: string;
    };

/** The fields of a ClusterDeployment's spec that give a bundle its names. */
export interface ServingNames {
  readonly clusterName: string;
  readonly baseDomain: string;
  /** `controlPlaneConfig.servingCertificates.default`: name of the bundle that serves the API. */
  readonly defaultBundle?: string;
  /** `controlPlaneConfig.servingCertificates.additional[]` */
  readonly additional: readonly { readonly bundle: string; readonly domain: string }[];
  /** `ingress[]`; `bundle` is its `servingCertificate`. */
  readonly ingress: readonly { readonly bundle?: string; readonly domain: string }[];
}

/**
 * @param extraRecord label of a second name for the API (`rh-api`); none when absent.
 * @returns the names in order: API, extra API, additional, ingress wildcards; lower case, each once; or why there are none.
 */
export function namesOfBundle(bundle: string, serving: ServingNames, extraRecord?: string): BundleNames {
  const clusterDomain = `${serving.clusterName}.${serving.baseDomain}`;
  const wanted: string[] = [];
  if (serving.defaultBundle === bundle) {
    wanted.push(`api.${clusterDomain}`);
    if (extraRecord !== undefined && extraRecord !== '') wanted.push(`${extraRecord}.${clusterDomain}`);
  }
  for (const entry of serving.additional) if (entry.bundle === bundle) wanted.push(entry.domain);
  for (const entry of serving.ingress) if (entry.bundle === bundle) wanted.push(asWildcard(entry.domain));

  return certificateNames(wanted, serving.baseDomain, {
    subject: `The bundle ${quoted(bundle)}`,
    zone: "the cluster's zone",
    whenNone:
      `Nothing in the ClusterDeployment uses the bundle ${quoted(bundle)}: name it in ` +
      'controlPlaneConfig.servingCertificates or in ingress[].servingCertificate, or set generate to false.',
    whenTooMany: 'Spread them over more bundles.',
    whenWrong: 'Correct it in the ClusterDeployment.',
    whenOutside: 'Take it out, or put it below the zone.',
  });
}

function asWildcard(domain: string): string {
  return domain === '' || domain.startsWith('*.') ? domain : `*.${domain}`;
}

/** How a problem with names is put, by where somebody wrote them. */
export interface NameErrorMessages {
  /** What asks for the names, at the beginning of a sentence. */
  readonly subject: string;
  /** What the zone is called. */
  readonly zone: string;
  /** The whole message when there is no name at all. */
  readonly whenNone: string;
  /** What to do, each a sentence. */
  readonly whenTooMany: string;
  readonly whenWrong: string;
  readonly whenOutside: string;
}

/**
 * Names as somebody asked for them, made fit for a certificate: lower case, each once, in their order; or why they are not.
 * @param zone that the names must lie in, to be proved there.
 */
export function certificateNames(wanted: readonly string[], zone: string, wording: NameErrorMessages): BundleNames {
  const dnsNames = [...new Set(wanted.map((name) => name.toLowerCase()))];
  const zoneName = zone.toLowerCase();
  const { subject } = wording;
  const [first] = dnsNames;
  if (first === undefined) return { kind: 'invalid', code: 'names/none', message: wording.whenNone };
  if (dnsNames.length > MAX_NAMES) {
    return {
      kind: 'invalid',
      code: 'names/tooMany',
      message: `${subject} has ${dnsNames.length} names; a certificate carries at most ${MAX_NAMES}. ${wording.whenTooMany}`,
    };
  }
  for (const name of dnsNames) {
    const problem = dnsNameProblem(name);
    if (problem !== undefined) {
      return {
        kind: 'invalid',
        code: 'names/invalid',
        message: `${subject} asks for ${quoted(name)}, which no certificate can carry: ${problem}. ${wording.whenWrong}`,
      };
    }
  }
  const outside = dnsNames.find((name) => !isInZone(name, zoneName));
  if (outside !== undefined) {
    return {
      kind: 'invalid',
      code: 'dns/nameOutsideZone',
      message: `${subject} asks for ${quoted(outside)}, which is not in ${wording.zone} ${quoted(zoneName)}, so it cannot be proved. ${wording.whenOutside}`,
    };
  }
  return first.length <= MAX_COMMON_NAME_LENGTH
    ? { kind: 'valid', dnsNames, commonName: first }
    : { kind: 'valid', dnsNames };
}
