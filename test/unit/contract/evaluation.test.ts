import { describe, expect, test } from 'vitest';
import type { KnownFacts, RequestObservation } from '../../../src/contract/activities/kubernetes.ts';
import { decideRenewal, observedFacts, settledReport } from '../../../src/contract/evaluation.ts';
import { certificateWithLifetime, DAY_MS, NOT_BEFORE } from '../../support/certificates/certificate-facts.ts';

const CERTIFICATE = certificateWithLifetime(90 * DAY_MS);
const WINDOW = {
  certId: CERTIFICATE.certId ?? '',
  start: new Date(NOT_BEFORE + 59 * DAY_MS).toISOString(),
  end: new Date(NOT_BEFORE + 61 * DAY_MS).toISOString(),
};
const KNOWN: KnownFacts = { fingerprint: CERTIFICATE.fingerprint, suggestedWindow: WINDOW };

function observation(change: Partial<RequestObservation> = {}): RequestObservation {
  return {
    request: { namespace: 'ns', name: 'c1-primary', uid: 'u' },
    secret: { kind: 'valid', certificate: CERTIFICATE },
    ...change,
  };
}

/** What is decided, and by which policy the certificate goes from then on. */
function evaluate(known: KnownFacts, observed: RequestObservation, day: number) {
  const now = NOT_BEFORE + day * DAY_MS;
  const facts = observedFacts(known, observed, now);
  const action = decideRenewal(facts, CERTIFICATE.dnsNames, observed, { now });
  const daysLeft = action.kind === 'sleep' ? (Date.parse(CERTIFICATE.notAfter) - action.until) / DAY_MS : undefined;
  return { policy: facts.renewalPolicy, message: action.message, daysLeft };
}

describe('a change of the policy while a certificate waits', () => {
  test('to ari delays its renewal to the window, also when it is due', () => {
    for (const day of [10, 50]) {
      const { policy, daysLeft } = evaluate(KNOWN, observation({ renewalPolicy: 'ari' }), day);
      expect(policy).toBe('ari');
      expect(daysLeft).toBeCloseTo(30, -0.5);
    }
  });

  test('to renew-before advances its renewal', () => {
    const { policy, daysLeft } = evaluate({ ...KNOWN, renewalPolicy: 'ari' }, observation(), 10);
    expect(policy).toBeUndefined();
    expect(daysLeft).toBeCloseTo(45.5, 0);
  });

  test('to renew-before causes no order of what would have been renewed already: it keeps its window', () => {
    const kept = evaluate({ ...KNOWN, renewalPolicy: 'ari' }, observation(), 50);
    expect(kept.policy).toBe('ari');
    expect(kept.daysLeft).toBeCloseTo(30, -0.5);
    expect(kept.message).toMatch(
      /\(policy ari; renew-before, which holds now, applies from the next certificate on\)$/,
    );
    const again = evaluate({ ...KNOWN, renewalPolicy: kept.policy }, observation(), 55);
    expect(again.daysLeft).toBe(kept.daysLeft);
    expect(evaluate({ ...KNOWN, renewalPolicy: kept.policy }, observation(), 62)).toMatchObject({
      daysLeft: undefined,
      message: expect.stringContaining('the CA suggests a renewal'),
    });
  });

  test('is no matter of another certificate', () => {
    const known: KnownFacts = { ...KNOWN, fingerprint: 'of another one', renewalPolicy: 'ari' };
    expect(evaluate(known, observation(), 50)).toMatchObject({ policy: undefined, daysLeft: undefined });
  });

  test("changes nothing where the user's renewBeforeDays precedes it", () => {
    const known: KnownFacts = { ...KNOWN, renewalPolicy: 'ari' };
    const { message } = evaluate(known, observation({ renewBeforeDays: 80 }), 50);
    expect(message).toContain('half of its lifetime is then left');
    expect(message).not.toContain('policy');
  });
});

describe('the report of a bundle of which nothing is due', () => {
  const report = (change: Partial<RequestObservation>) =>
    settledReport({
      bundleName: 'primary',
      secretName: 'cert',
      names: { kind: 'valid', dnsNames: CERTIFICATE.dnsNames },
      known: KNOWN,
      observation: observation(change),
      workflowId: 'w',
      now: NOT_BEFORE + DAY_MS,
    });
  const renewing = (change: Partial<RequestObservation>) =>
    report(change)?.conditions.find(({ type }) => type === 'Renewing')?.message;

  test('says that the CA determines the renewal', () => {
    expect(renewing({ renewalPolicy: 'ari' })).toMatch(
      /^Valid until .*; renews at .*: the CA suggests a renewal between .* and .* \(policy ari\)\.$/,
    );
  });

  test('says why an annotation does not count', () => {
    expect(renewing({ renewalPolicyProblem: 'the annotation is wrong' })).toMatch(
      /: 45 days are then left, the default \(the annotation is wrong\)\.$/,
    );
  });

  test('is as it was before there were policies, since recorded workflows compare its digest', () => {
    expect(renewing({})).toMatch(/^Will be renewed at [0-9T:.-]+Z\.$/);
  });
});
