/** What the controller caches of an object is what was observed of it. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { FieldWrites } from '../../../src/kubernetes/api/managed-fields.ts';
import { CompactRequest } from '../../../src/kubernetes/objects/compact-request.ts';
import { CompactSecret } from '../../../src/kubernetes/objects/compact-secret.ts';
import type { ObservedRequest } from '../../../src/kubernetes/objects/observed-request.ts';
import type { ObservedSecret } from '../../../src/kubernetes/objects/observed-secret.ts';

/** Few values, so that two objects have some in common. */
const few = fc.constantFrom('', 'a', 'b', '7', '007', '2147483648', 'x\ny');
const text = fc.oneof(few, fc.string({ unit: 'binary', maxLength: 40 }));
const optionalText = fc.option(text, { nil: undefined });
const instant = fc.oneof(
  fc.constantFrom(0, 1_796_083_200_000, 1_796_083_200_001, 2_147_483_648_000),
  fc
    .date({ min: new Date('0000-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
    .map((date) => date.getTime()),
);
const optionalInstant = fc.option(instant, { nil: undefined });
const seconds = fc.option(fc.constantFrom(0, 1_796_083_200, 2_147_483_648, Number.NaN), { nil: undefined });
const writes: fc.Arbitrary<FieldWrites> = fc.record({
  ownTime: seconds,
  otherManager: optionalText,
  otherTime: seconds,
});
const fieldNames = fc.array(text, { maxLength: 3 });

const request: fc.Arbitrary<ObservedRequest> = fc.record({
  dnsNames: fc.array(text, { maxLength: 3 }),
  renewBeforeDays: fc.option(fc.integer(), { nil: undefined }),
  platform: fc.record({ kind: fc.constant('aws' as const), region: text, sts: fc.boolean(), credentialsSecret: text }),
  zoneName: text,
  secretName: text,
  issued: fc.boolean(),
  statusComplete: fc.boolean(),
  notBefore: optionalInstant,
  notAfter: optionalInstant,
  issuerName: optionalText,
  serialNumber: fc.option(fc.constantFrom('1', '127', '128', '340282366920938463463374607431768211455'), {
    nil: undefined,
  }),
  acmeServer: optionalText,
  // Of the serial number 1, of 128, and of none.
  certId: fc.option(fc.constantFrom('AQ.AQ', 'aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIA', 'AQ.gA', 'x'), { nil: undefined }),
  crlUrl: optionalText,
  suggestedWindow: fc.constantFrom(undefined, { certId: 'AQ.AQ', start: 'a', end: 'b', explanationUrl: undefined }),
  installedAt: optionalInstant,
  replacedSerialNumber: optionalText,
  served: fc.option(fc.record({ status: text, reason: text, digest: fc.integer() }), { nil: undefined }),
  postponed: fc.constantFrom(undefined, 'Frozen'),
  state: fc.constantFrom(undefined, { state: 'Ready', reason: 'NoFailure' }, { state: 'Failing', reason: 'Other' }),
  renewalAt: optionalInstant,
  nextAttempt: optionalText,
  namespace: text,
  name: text,
  uid: text,
  resourceVersion: optionalText,
  owner: fc.option(fc.record({ name: text, uid: text }), { nil: undefined }),
  deleting: fc.boolean(),
  paused: fc.boolean(),
  renewalPolicyAnnotation: optionalText,
  finalizer: fc.boolean(),
  generation: fc.option(fc.nat(), { nil: undefined }),
  specWrites: writes,
  unownedSpecFields: fieldNames,
  unownedStatusFields: fieldNames,
  statusWrites: writes,
  otherManager: optionalText,
} satisfies { readonly [Field in keyof Required<ObservedRequest>]: fc.Arbitrary<ObservedRequest[Field]> });

const secret: fc.Arbitrary<ObservedSecret> = fc.record({
  namespace: text,
  name: text,
  resourceVersion: text,
  requestLabel: optionalText,
  givenTo: optionalText,
  requestUid: optionalText,
  owners: fc.option(fc.array(fc.record({ kind: text, name: text }), { maxLength: 2 }), { nil: undefined }),
  dataWrites: writes,
  ownsData: fc.boolean(),
  watched: fc.boolean(),
} satisfies { readonly [Field in keyof Required<ObservedSecret>]: fc.Arbitrary<ObservedSecret[Field]> });

/** The fields of one object, read from another. */
function fieldsOf<Observed extends object>(observed: Observed, from: Observed): Partial<Observed> {
  return Object.fromEntries(
    Object.keys(observed).map((field) => [field, from[field as keyof Observed]]),
  ) as Partial<Observed>;
}

test('a CertificateRequest keeps every field', () => {
  fc.assert(
    fc.property(request, (observed) => {
      expect(fieldsOf(observed, new CompactRequest(observed))).toEqual(observed);
    }),
    { numRuns: 300 },
  );
});

test('a Secret keeps every field', () => {
  fc.assert(
    fc.property(secret, (observed) => {
      expect(fieldsOf(observed, new CompactSecret(observed))).toEqual(observed);
    }),
    { numRuns: 100 },
  );
});
