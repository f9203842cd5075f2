import { dnsNameProblem, isInZone, MAX_COMMON_NAME_LENGTH, quoted } from './dns-name.ts';

/** Names per certificate. Source: https://letsencrypt.org/docs/rate-limits/ */
const MAX_NAMES = 100;

/** Names of a bundle in order, the first of which is the CN if it has at most 64 characters; or why there are none. */
export type BundleNames =
  | { readonly kind: 'valid'; readonly dnsNames: readonly string[]; readonly commonName?: string }
  | {
      readonly kind: 'invalid';
      readonly code: 'names/none' | 'names/invalid' | 'names/tooMany' | 'dns/nameOutsideZone';
      readonly message: string;
    };

/** The fields of a ClusterDeployment's spec that determine the names of a bundle. */
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

/** The names of a bundle in order: API, extra API (label `extraRecord`: `rh-api`), additional, ingress wildcards. */
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

/** Wording of errors, by where the names come from; remedies are one sentence each. */
export interface NameErrorMessages {
  /** The bundle or CertificateRequest, as the subject of a sentence. */
  readonly subject: string;
  readonly zone: string;
  /** The whole message. */
  readonly whenNone: string;
  readonly whenTooMany: string;
  readonly whenWrong: string;
  readonly whenOutside: string;
}

/** Lower-case names without duplicates, in order, in `zone` (for DNS-01 challenges); or why they are not acceptable. */
export function certificateNames(wanted: readonly string[], zone: string, wording: NameErrorMessages): BundleNames {
  const dnsNames = [...new Set(wanted.map((name) => name.toLowerCase()))];
  const zoneName = zone.toLowerCase();
  const { subject } = wording;
  const [first] = dnsNames;
  if (first === undefined) return invalid('names/none', wording.whenNone);
  if (dnsNames.length > MAX_NAMES) {
    const excess = `${subject} has ${dnsNames.length} names; a certificate carries at most ${MAX_NAMES}.`;
    return invalid('names/tooMany', `${excess} ${wording.whenTooMany}`);
  }
  for (const name of dnsNames) {
    const problem = dnsNameProblem(name);
    if (problem === undefined) continue;
    const bad = `${subject} asks for ${quoted(name)}, which no certificate can carry: ${problem}.`;
    return invalid('names/invalid', `${bad} ${wording.whenWrong}`);
  }
  const outside = dnsNames.find((name) => !isInZone(name, zoneName));
  if (outside !== undefined) {
    const bad = `${subject} asks for ${quoted(outside)}, which is not in ${wording.zone} ${quoted(zoneName)}, so it cannot be proved.`;
    return invalid('dns/nameOutsideZone', `${bad} ${wording.whenOutside}`);
  }
  const commonName = first.length <= MAX_COMMON_NAME_LENGTH ? first : undefined;
  return { kind: 'valid', dnsNames, ...(commonName && { commonName }) };
}

function invalid(code: (BundleNames & { kind: 'invalid' })['code'], message: string): BundleNames {
  return { kind: 'invalid', code, message };
}
