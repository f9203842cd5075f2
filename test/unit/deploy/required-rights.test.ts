import { expect, it } from 'vitest';
import { z } from 'zod';
import { readManifests } from '../../../local/stack/management-cluster/manifests.ts';
import {
  INSTALLED_KINDS,
  type RequiredRight,
  RIGHTS_AT_HOME,
  RIGHTS_OF_IDENTITY,
  RIGHTS_TO_OWN_SECRETS,
  RIGHTS_WHERE_SERVED,
} from '../../../src/kubernetes/objects/required-rights.ts';

const roleSchema = z.object({
  rules: z.array(
    z.object({
      apiGroups: z.array(z.string()),
      resources: z.array(z.string()),
      resourceNames: z.array(z.string()).default([]),
      verbs: z.array(z.string()),
    }),
  ),
});

async function rulesOf(file: string, kind: string, name: string): Promise<readonly string[]> {
  const role = (await readManifests(file)).find((one) => one.kind === kind && one.metadata.name === name);
  return roleSchema
    .parse(role)
    .rules.flatMap(({ apiGroups, resources, resourceNames, verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}/${resource} ${resourceNames.join()}`)),
      ),
    )
    .sort();
}

function textsOf(rights: readonly RequiredRight[]): readonly string[] {
  return rights
    .flatMap(({ group, resource, subresource, verbs, names = [] }) => {
      const path = subresource === undefined ? resource : `${resource}/${subresource}`;
      return verbs.map((verb) => `${verb} ${group}/${path} ${names.join()}`);
    })
    .sort();
}

it.each([
  ['base/rbac.yaml', 'ClusterRole', 'certman', RIGHTS_WHERE_SERVED],
  ['base/rbac.yaml', 'Role', 'certman', RIGHTS_AT_HOME],
  ['components/watch-namespaces/rbac.yaml', 'ClusterRole', 'certman-identity', RIGHTS_OF_IDENTITY],
  ['components/watch-namespaces/rbac.yaml', 'Role', 'certman-own-secrets', RIGHTS_TO_OWN_SECRETS],
] as const)('the rights that doctor checks are those of deploy/%s, %s %s', async (file, kind, name, rights) => {
  expect(textsOf(rights)).toEqual(await rulesOf(file, kind, name));
});

it('the kinds that doctor --pre checks are those of deploy/base', async () => {
  const kustomization = await readManifests('base/kustomization.yaml');
  const files = z.array(z.string()).parse(kustomization[0]?.['resources']);
  const kinds = new Set<string>();
  for (const file of files) {
    for (const { apiVersion = '', kind = '' } of await readManifests(`base/${file}`))
      kinds.add(`${apiVersion.includes('/') ? apiVersion.split('/')[0] : ''}/${kind.toLowerCase()}s`);
  }
  expect(INSTALLED_KINDS.map(({ group, resource }) => `${group}/${resource}`).sort()).toEqual([...kinds].sort());
});
