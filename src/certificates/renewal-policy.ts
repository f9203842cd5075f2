import { type CaChangeInputs, formerCa } from './ca-change.ts';
import type { CertificateFacts } from './certificate-facts.ts';
import { latestRenewal } from './latest-renewal.ts';
import { type PlannedRenewal, plannedRenewal, type RenewalRule, type RenewalTerms } from './planned-renewal.ts';
import { type Postponement, postponementMessage } from './postponement.ts';
import { selectTimeInWindow } from './renewal-window.ts';

const MAX_NAMES_SHOWN = 3;

/** What the policy decides by. */
export interface RenewalInputs extends RenewalTerms, Omit<CaChangeInputs, 'caChangeAllowed'> {
  readonly dnsNames: readonly string[];
  readonly revoked?: boolean;
  readonly renewRequested?: boolean;
  /** Serial number of the certificate that an operator revokes once it is replaced. */
  readonly revokeAfter?: string | undefined;
  /** The campaign that asks for another certificate than this one. */
  readonly campaign?: { readonly name: string; readonly revokes: boolean } | undefined;
  /** Of the planned renewal, which is due. */
  readonly postponement?: Postponement | undefined;
}

/** Returns the sentence that people read when its reason applies, else undefined. */
type OrderRule = (inputs: RenewalInputs) => string | undefined;

/** Most urgent first: the first that applies decides. CamelCase, because conditions and `CertReason` show them. */
const ORDER_RULES = {
  SecretMissing: ({ secret }) => (secret.kind === 'missing' ? 'There is no certificate in the Secret yet.' : undefined),

  KeyMismatch: ({ secret }) =>
    secret.kind === 'broken' && secret.keyMismatch === true
      ? `Key and certificate do not belong together: ${secret.message}`
      : undefined,

  SecretBroken: ({ secret }) =>
    secret.kind === 'broken' ? `What the Secret holds cannot serve: ${secret.message}` : undefined,

  NamesMissing: forCertificate(({ dnsNames }, inputs) => {
    const missing = missingNames(dnsNames, inputs.dnsNames);
    if (missing.length === 0) return undefined;
    const more = missing.length - MAX_NAMES_SHOWN;
    const shown = missing.slice(0, MAX_NAMES_SHOWN).join(', ');
    return `The certificate lacks ${shown}${more > 0 ? ` and ${more} more` : ''}.`;
  }),

  Revoked: forCertificate(({ serialNumber }, { revoked }) =>
    revoked === true ? `The CA has revoked certificate ${serialNumber}.` : undefined,
  ),

  // The caller has made sure that the change is allowed (ca-change.ts).
  CaChanged: forCertificate((_certificate, inputs) => {
    const former = formerCa(inputs);
    if (former === undefined) return undefined;
    return `The certificate was issued by ${former}; certificates now come from ${inputs.caHost}.`;
  }),

  Expired: forCertificate(({ notAfter }, { now }) =>
    Date.parse(notAfter) <= now ? `The certificate expired at ${notAfter}.` : undefined,
  ),

  SuggestedByCa: forCertificate((certificate, inputs) => {
    const due = dueRenewal(certificate, inputs);
    if (due?.reason !== 'SuggestedByCa') return undefined;
    return `The certificate expires at ${certificate.notAfter}, but ${due.message}.`;
  }),

  RenewalDue: forCertificate((certificate, inputs) => {
    const due = dueRenewal(certificate, inputs);
    if (due === undefined) return undefined;
    return `The certificate expires at ${certificate.notAfter}; its renewal was due at ${new Date(due.at).toISOString()}: ${due.message}.`;
  }),

  RevocationRequested: forCertificate(({ serialNumber }, { revokeAfter }) =>
    revokeAfter === serialNumber ? `An operator revokes certificate ${serialNumber} once it is replaced.` : undefined,
  ),

  CampaignRequested: forCertificate(({ serialNumber }, { campaign }) => {
    if (campaign === undefined) return undefined;
    return `The campaign ${campaign.name} replaces certificate ${serialNumber}${campaign.revokes ? ', which is revoked then' : ''}.`;
  }),

  // Last: any other reason says more.
  RenewRequested: ({ renewRequested }) => (renewRequested === true ? 'An operator asked for it.' : undefined),
} as const satisfies Readonly<Record<string, OrderRule>>;

const PLANNED_REASONS: ReadonlySet<string> = new Set<OrderReason>(['SuggestedByCa', 'RenewalDue']);

/** The reasons to order a certificate. */
export type OrderReason = keyof typeof ORDER_RULES;

/** Every reason, most urgent first. */
export const ORDER_REASONS = Object.keys(ORDER_RULES) as readonly OrderReason[];

/** Why a certificate is ordered. */
export interface OrderCause {
  readonly reason: OrderReason;
  readonly message: string;
}

/** What a bundle needs: an order now, or sleep until an exact instant (epoch milliseconds). */
export type NextAction =
  | ({ readonly kind: 'order' } & OrderCause)
  | {
      readonly kind: 'sleep';
      readonly until: number;
      readonly certificate: CertificateFacts;
      readonly reason: RenewalRule;
      /** Why then, as a clause. */
      readonly message: string;
      /** It was due before. */
      readonly postponement?: Postponement | undefined;
    };

/** The first rule that applies orders; else the bundle sleeps until its planned renewal. */
export function nextAction(inputs: RenewalInputs): NextAction {
  for (const [reason, rule] of Object.entries(ORDER_RULES) as [OrderReason, OrderRule][]) {
    const message = rule(inputs);
    if (message !== undefined) return postponed(inputs) ?? { kind: 'order', reason, message };
  }
  const { secret } = inputs;
  if (secret.kind !== 'valid') throw new TypeError('a Secret without a certificate is a reason to order');
  const { at, reason, message } = plannedRenewal(secret.certificate, inputs);
  return { kind: 'sleep', until: at, certificate: secret.certificate, reason, message };
}

/** A renewal that is due by the plan alone. Epoch milliseconds. */
export interface PostponableRenewal {
  readonly certificate: CertificateFacts;
  readonly planned: PlannedRenewal;
  /** Where the CA suggested it: the instant that was selected in its window, while `planned.at` is `now` from then on. */
  readonly plannedAt: number;
  /** It waits until then at most. */
  readonly latest: number;
}

/** What windows, freezes and turns may postpone; undefined: nothing is due, or what is due does not wait for them. */
export function postponableRenewal(inputs: RenewalInputs): PostponableRenewal | undefined {
  const { secret } = inputs;
  if (secret.kind !== 'valid') return undefined;
  const rules = Object.entries<OrderRule>(ORDER_RULES).filter(([, rule]) => rule(inputs) !== undefined);
  // Another reason does not wait, also where it is less urgent than the plan: a person asks for the certificate.
  if (rules.length === 0 || rules.some(([reason]) => !PLANNED_REASONS.has(reason))) return undefined;
  const { certificate } = secret;
  const planned = plannedRenewal(certificate, inputs);
  const latest = latestRenewal(certificate, planned, inputs);
  if (latest === undefined) return undefined;
  const { suggestedWindow } = inputs;
  const isSuggested = planned.reason === 'SuggestedByCa' && suggestedWindow !== undefined;
  const selected = isSuggested ? selectTimeInWindow(suggestedWindow, 0) : undefined;
  return { certificate, planned, plannedAt: selected ?? planned.at, latest };
}

function postponed(inputs: RenewalInputs): NextAction | undefined {
  const { postponement, now } = inputs;
  const until = Date.parse(postponement?.until ?? '');
  if (postponement === undefined || !(until > now)) return undefined;
  const due = postponableRenewal(inputs);
  // Bounded here too: a workflow trusts no activity with the life of a certificate.
  if (due === undefined || until > due.latest) return undefined;
  const { certificate, planned } = due;
  const message = `${planned.message}; ${postponementMessage(postponement)}`;
  return { kind: 'sleep', until, certificate, reason: planned.reason, message, postponement };
}

/** A rule that applies only to a certificate that could serve. */
function forCertificate(rule: (certificate: CertificateFacts, inputs: RenewalInputs) => string | undefined): OrderRule {
  return (inputs) => (inputs.secret.kind === 'valid' ? rule(inputs.secret.certificate, inputs) : undefined);
}

function dueRenewal(certificate: CertificateFacts, inputs: RenewalInputs): PlannedRenewal | undefined {
  const planned = plannedRenewal(certificate, inputs);
  return planned.at <= inputs.now ? planned : undefined;
}

/** The wanted names that a certificate lacks, compared case-insensitively. */
export function missingNames(present: readonly string[], wanted: readonly string[]): readonly string[] {
  const have = new Set(present.map((name) => name.toLowerCase()));
  return wanted.filter((name) => !have.has(name.toLowerCase()));
}
