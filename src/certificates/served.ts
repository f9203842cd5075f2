/** Whether a cluster serves its certificate, from what probes found: the condition `Served`. Pure. */

/** What one name of a certificate serves. Texts from outside are single lines. */
export type NameProbe =
  /** Exactly the certificate in the Secret, in a chain that clients trust. */
  | { readonly kind: 'served'; readonly where: string }
  | {
      readonly kind: 'other';
      readonly where: string;
      readonly serialNumber: string;
      readonly issuerName: string;
      readonly notAfter: string;
    }
  /** The certificate, but in a chain that clients refuse. `why`: a clause. */
  | { readonly kind: 'badChain'; readonly where: string; readonly why: string }
  /** No address that may be connected to, in public DNS. `why`: a clause. */
  | { readonly kind: 'notPublic'; readonly where: string; readonly why: string }
  | { readonly kind: 'unreachable'; readonly where: string; readonly why: string };

/** Why a cluster is not probed at all. */
export type NotProbedReason = 'PrivateLink' | 'Hibernating';

/** Reasons of the condition `Served`. */
export type ServedReason =
  | 'Served'
  /** False, within the time that Hive needs. */
  | 'NotServedYet'
  /** False, after it. */
  | 'NotServed'
  | 'ChainNotTrusted'
  /** Unknown. */
  | 'NotProbed'
  | 'NotPublic'
  | 'Unreachable'
  | NotProbedReason;

/** The condition `Served`, without its times. */
export interface ServedCondition {
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: ServedReason;
  readonly message: string;
}

/** What is expected to be served. Instants are RFC 3339. */
export interface ExpectedCertificate {
  readonly serialNumber: string;
  readonly secretName: string;
  /** When certman installed it; undefined: it did not. */
  readonly installedTime?: string | undefined;
  /** Serial number of the certificate before it. */
  readonly replacedSerialNumber?: string | undefined;
}

/** What the condition says beside the probes. */
export interface ServedContext {
  /** Whether Hive has had the time that it needs. */
  readonly late: boolean;
  /** Why Hive has probably not brought the certificate over, and what to do, in sentences. */
  readonly cause?: string | undefined;
}

/** The condition of a certificate that has not been probed. */
export function notProbed(serialNumber: string): ServedCondition {
  const message = `What the cluster serves has not been probed since certificate ${serialNumber} was installed.`;
  return { status: 'Unknown', reason: 'NotProbed', message };
}

/** The condition of a cluster that certman does not probe. */
export function unprobedCondition(reason: NotProbedReason): ServedCondition {
  const messages = {
    PrivateLink:
      'The cluster is reached by a private link only, so certman does not probe what it serves. Look from inside its network.',
    Hibernating: 'The cluster hibernates. What it serves is probed once it runs again (spec.powerState).',
  } as const;
  return { status: 'Unknown', reason, message: messages[reason] };
}

/** The condition by the probes of a certificate's names: one that is definitely wrong decides, then one that is unknown. */
export function servedCondition(
  probes: readonly NameProbe[],
  expected: ExpectedCertificate,
  { late, cause }: ServedContext,
): ServedCondition {
  const { serialNumber } = expected;
  const other = probes.filter((probe) => probe.kind === 'other');
  if (other.length > 0) return otherServed(other, expected, { late, cause });
  const badChain = probes.find((probe) => probe.kind === 'badChain');
  if (badChain !== undefined) {
    const { where, why } = badChain;
    const message = `${where} serves certificate ${serialNumber} in a chain that clients refuse: ${why}. Compare it with tls.crt of Secret ${expected.secretName}.`;
    return { status: 'False', reason: 'ChainNotTrusted', message };
  }
  const seen = placesOf(probes.filter(({ kind }) => kind === 'served'));
  const unreachable = probes.find((probe) => probe.kind === 'unreachable');
  if (unreachable !== undefined) {
    const { where, why } = unreachable;
    const message = `${where} cannot be reached: ${why}. ${withSeen(seen, serialNumber)}It is probed again.`;
    return { status: 'Unknown', reason: 'Unreachable', message };
  }
  const notPublic = probes.find((probe) => probe.kind === 'notPublic');
  if (notPublic !== undefined) {
    const { where, why } = notPublic;
    const message = `${where} is not probed: ${why}. ${withSeen(seen, serialNumber)}Where workers reach that network, add it to CERTMAN_PRIVATE_NETWORKS.`;
    return { status: 'Unknown', reason: 'NotPublic', message };
  }
  return { status: 'True', reason: 'Served', message: `Certificate ${serialNumber} is served at ${seen}.` };
}

function otherServed(
  other: readonly Extract<NameProbe, { readonly kind: 'other' }>[],
  { serialNumber, installedTime, replacedSerialNumber }: ExpectedCertificate,
  { late, cause }: ServedContext,
): ServedCondition {
  const [first] = other;
  const isPrevious = other.every((one) => one.serialNumber === replacedSerialNumber);
  const since = installedTime === undefined ? '' : `, installed at ${installedTime}`;
  const found = `${placesOf(other)} ${other.length === 1 ? 'serves' : 'serve'} ${isPrevious ? 'the previous certificate' : 'another certificate'}, ${first?.serialNumber} by ${first?.issuerName}, valid until ${first?.notAfter}, instead of ${serialNumber}${since}.`;
  if (!late) {
    const message = `${found} Hive brings it over when it applies its SyncSets, every two hours; nothing to do.`;
    return { status: 'False', reason: 'NotServedYet', message };
  }
  return { status: 'False', reason: 'NotServed', message: cause === undefined ? found : `${found} ${cause}` };
}

function withSeen(seen: string, serialNumber: string): string {
  return seen === '' ? '' : `Certificate ${serialNumber} is served at ${seen}. `;
}

function placesOf(probes: readonly NameProbe[]): string {
  return probes.map(({ where }) => where).join(', ');
}
