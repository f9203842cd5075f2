/** deploy/helm/certman, as far as it can be checked without helm; test/stack/deploy/helm-chart.test.ts renders it. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';

const read = (file: string): unknown =>
  parse(readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8')) as unknown;

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
}

/** `a.b` of each value of which the schema knows the parts. */
function namesIn(values: unknown, { properties }: Schema, prefix = ''): readonly string[] {
  if (properties === undefined || typeof values !== 'object' || values === null) return [prefix];
  return Object.entries(values).flatMap(([name, value]) =>
    namesIn(value, properties[name] ?? {}, prefix === '' ? name : `${prefix}.${name}`),
  );
}

function namesOf({ properties }: Schema, prefix = ''): readonly string[] {
  if (properties === undefined) return [prefix];
  return Object.entries(properties).flatMap(([name, schema]) =>
    namesOf(schema, prefix === '' ? name : `${prefix}.${name}`),
  );
}

test('its version is that of the program', () => {
  const { version } = read('package.json') as { readonly version: string };
  expect(read('deploy/helm/certman/Chart.yaml')).toMatchObject({ version, appVersion: version });
});

test('values.yaml has every value of the schema, and no other', () => {
  const schema = read('deploy/helm/certman/values.schema.json') as Schema;
  const values = namesIn(read('deploy/helm/certman/values.yaml'), schema);
  // Helm gives it to every chart.
  expect([...values, 'global'].toSorted()).toEqual(namesOf(schema).toSorted());
});

test('its templates have every file of deploy/base but the Namespace', () => {
  const folder = new URL('../../../deploy/helm/certman/templates/', import.meta.url);
  const templates = readdirSync(folder).map((file) => readFileSync(new URL(file, folder), 'utf8'));
  const rendered = [...templates.join('').matchAll(/"base\/([\w-]+\.yaml)"/g)].map(([, file]) => file);
  const { resources } = read('deploy/base/kustomization.yaml') as { readonly resources: readonly string[] };
  expect(new Set([...rendered, 'namespace.yaml'])).toEqual(new Set(resources));
});
