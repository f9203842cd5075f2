import { expect, test } from 'vitest';
import { readManifests } from '../../../local/stack/management-cluster/manifests.ts';
import {
  missingRequestFields,
  outdatedCrdMessage,
  REQUEST_FIELDS,
} from '../../../src/kubernetes/objects/request-schema.ts';

/** The document of an API server. */
function documentOf(properties: object) {
  const schema = { 'x-kubernetes-group-version-kind': [{ kind: 'CertificateRequest' }], properties };
  return { components: { schemas: { other: { type: 'string' }, request: schema } } };
}

const missingIn = (document: unknown) => missingRequestFields({ getJson: () => Promise.resolve(document) });
const declared = (fields: readonly string[]) => ({
  properties: Object.fromEntries(fields.map((field) => [field, {}])),
});

test('the fields are those of deploy/base', async () => {
  const [crd] = await readManifests('base/certificaterequest-crd.yaml');
  if (crd === undefined) throw new Error('there is no CRD');
  const { versions } = crd['spec'] as {
    versions: [{ schema: { openAPIV3Schema: { properties: Record<'spec' | 'status', { properties: object }> } } }];
  };
  const { spec, status } = versions[0].schema.openAPIV3Schema.properties;
  expect({ spec: Object.keys(spec.properties).sort(), status: Object.keys(status.properties).sort() }).toEqual(
    REQUEST_FIELDS,
  );
});

test('missing fields are named', async () => {
  const { spec, status } = REQUEST_FIELDS;
  expect(await missingIn(documentOf({ spec: declared(spec), status: declared(status) }))).toEqual([]);
  const older = { spec: declared(spec.filter((field) => field !== 'namesProblem')), status: declared(['issued']) };
  const missing = (await missingIn(documentOf(older))) ?? [];
  expect(missing).toContain('spec.namesProblem');
  expect(missing).toContain('status.state');
  expect(missing).not.toContain('status.issued');
  expect(outdatedCrdMessage(missing)).toContain('kubectl apply -f deploy/base/certificaterequest-crd.yaml');
});

test('a schema that keeps unknown fields lacks none', async () => {
  const open = { 'x-kubernetes-preserve-unknown-fields': true };
  expect(await missingIn(documentOf({ spec: open, status: open }))).toEqual([]);
});

test.each([[undefined], [{}], [{ components: { schemas: {} } }], ['<html>']])(
  'an answer of %j says nothing',
  async (document) => {
    expect(await missingIn(document)).toBeUndefined();
  },
);
