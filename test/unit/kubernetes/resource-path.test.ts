import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isObjectName } from '../../../src/kubernetes/api/resource-path.ts';
import { buildEvent } from '../../../src/kubernetes/objects/events.ts';
import { CERTIFICATE_REQUESTS } from '../../../src/kubernetes/objects/resources.ts';
import { stagingSecretName } from '../../../src/kubernetes/objects/staging-secret.ts';

/** Names of an object, those that the API server would take no character more for among them. */
const objectName = fc.stringMatching(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/).filter(isObjectName);
const longName = fc.stringMatching(/^[a-z]([a-z]{4}[.-]?){41}[a-z]{5}$/).filter(isObjectName);

describe('object names derived from the name of a request', () => {
  it('are valid, however long it is and wherever it is truncated', () => {
    fc.assert(
      fc.property(fc.oneof(objectName, longName), (name) => {
        expect(stagingSecretName(name)).toSatisfy(isObjectName);
        const subject = { resource: CERTIFICATE_REQUESTS, namespace: 'ns', name, uid: 'uid' };
        const event = buildEvent(subject, { type: 'Normal', reason: 'Issued', message: 'It is there.' }, new Date(0));
        expect(event.metadata.name).toSatisfy(isObjectName);
      }),
    );
  });

  it('are the whole name and the suffix where they fit', () => {
    expect(stagingSecretName('n'.repeat(245))).toBe(`${'n'.repeat(245)}-staging`);
  });

  it('differ by what is cut off', () => {
    const names = ['a', 'b'].map((last) => stagingSecretName(`${'n'.repeat(252)}${last}`));
    expect(new Set(names).size).toBe(2);
    expect(stagingSecretName(`${'n'.repeat(220)}.${'n'.repeat(32)}`)).toSatisfy(isObjectName);
  });
});
