/** The API server guarantees the metadata of an object; everything else in it, and a line of a watch, can be anything. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CertmanError } from '../../../src/failures/failure.ts';
import { apiError } from '../../../src/kubernetes/api/api-error.ts';
import type { KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { parseWatchEvent } from '../../../src/kubernetes/api/watch-event.ts';
import { projectClusterDeployment } from '../../../src/kubernetes/objects/cluster-deployment.ts';
import { observeRequest } from '../../../src/kubernetes/objects/observed-request.ts';
import { observeSecret } from '../../../src/kubernetes/objects/observed-secret.ts';
import { buildRequestStatus } from '../../../src/kubernetes/objects/request-status.ts';
import { standaloneView } from '../../../src/kubernetes/objects/request-views.ts';

/** A bound in time as well: fast-check stops after it, whatever the machine's speed. */
const LIMITS = { interruptAfterTimeLimit: 5_000, numRuns: 500 };
/** Of an error's message. */
const MAX_LENGTH = 2_000;

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.constantFrom('', '1', '-1', '2027-01-01T00:00:00Z'),
);
const anything = fc.oneof(text, fc.jsonValue(), fc.constantFrom(null, {}, []));
const among = (...names: readonly string[]): fc.Arbitrary<unknown> =>
  fc.oneof(anything, fc.record(Object.fromEntries(names.map((name) => [name, anything])), { requiredKeys: [] }));

const spec = among(
  'acmeDNSDomain',
  'certificateSecret',
  'dnsNames',
  'renewBeforeDays',
  'platform',
  'clusterName',
  'baseDomain',
  'installed',
  'certificateBundles',
  'controlPlaneConfig',
  'ingress',
);
const status = among(
  'issued',
  'notBefore',
  'notAfter',
  'issuerName',
  'serialNumber',
  'certID',
  'crlURL',
  'suggestedWindow',
  'conditions',
  'apiURL',
);
const object: fc.Arbitrary<KubernetesObject> = fc.record({
  metadata: fc.record({
    name: fc.constant('a'),
    namespace: fc.constant('ns'),
    uid: fc.constant('u-1'),
    labels: fc.dictionary(text, text),
    annotations: fc.dictionary(text, text),
    ownerReferences: fc.array(fc.dictionary(fc.constantFrom('apiVersion', 'kind', 'name', 'uid'), text)),
  }),
  spec,
  status,
});

describe('whatever an object contains', () => {
  test('a CertificateRequest is observed, and served or reported, with fields of bounded length', () => {
    fc.assert(
      fc.property(object, (found) => {
        const request = observeRequest(found);
        expect(request.serialNumber ?? '0').toMatch(/^\d{1,49}$/);
        expect((request.issuerName ?? '').length).toBeLessThanOrEqual(512);
        expect(request.crlUrl === undefined || URL.canParse(request.crlUrl)).toBe(true);
        expect(standaloneView({ managementCluster: 'hive' }, request).bundles).toHaveLength(1);
      }),
      LIMITS,
    );
  });

  test('a ClusterDeployment is projected or reported as malformed', () => {
    fc.assert(
      fc.property(object, (found) => {
        const projected = projectClusterDeployment(found, { managementCluster: 'hive' });
        if (projected.kind === 'malformed') expect(projected.message.length).toBeLessThan(MAX_LENGTH);
      }),
      LIMITS,
    );
  });

  test('a Secret is observed, and any status is replaced', () => {
    fc.assert(
      fc.property(object, status, (found, current) => {
        expect(observeSecret(found).name).toBe('a');
        const report = {
          bundleName: 'b',
          requestName: 'a',
          secretName: 's',
          workflowId: 'w',
          state: 'Pending',
        } as const;
        expect(buildRequestStatus({ ...report, conditions: [] }, current, new Date())['state']).toBe('Pending');
      }),
      LIMITS,
    );
  });
});

describe('whatever the API server sends', () => {
  const line = fc.oneof(
    text,
    anything.map((value) => JSON.stringify(value) ?? ''),
    fc
      .record({
        type: fc.oneof(fc.constantFrom('ADDED', 'DELETED', 'BOOKMARK', 'ERROR'), text),
        object: fc.oneof(object, anything),
      })
      .map((event) => JSON.stringify(event)),
    fc.tuple(object, fc.nat(200)).map(([found, at]) => JSON.stringify({ type: 'ADDED', object: found }).slice(0, at)),
  );

  test('a line of a watch is an event or a CertmanError', () => {
    fc.assert(
      fc.property(line, (sent) => {
        try {
          expect(['applied', 'deleted', 'bookmark']).toContain(parseWatchEvent(sent, '/api/v1/secrets').kind);
        } catch (error) {
          expect(error).toBeInstanceOf(CertmanError);
          expect((error as Error).message.length).toBeLessThan(MAX_LENGTH);
        }
      }),
      LIMITS,
    );
  });

  test('a refusal is a CertmanError of one bounded line', () => {
    const details = among('causes', 'retryAfterSeconds');
    const body = fc.record({ kind: fc.constant('Status'), message: anything, reason: anything, details });
    const sent = fc.record({
      status: fc.integer({ min: 100, max: 599 }),
      retryAfter: text,
      text: fc.oneof(
        text,
        body.map((value) => JSON.stringify(value)),
      ),
    });
    fc.assert(
      fc.property(sent, (response) => {
        const { message } = apiError('apply it', response);
        expect(message).not.toContain('\n');
        expect(message.length).toBeLessThan(MAX_LENGTH);
      }),
      LIMITS,
    );
  });
});
