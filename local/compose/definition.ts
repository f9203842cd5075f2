/**
 * docker-compose.yml as data: the parts of versions.ts as containers, by the same versions and flags. `npm run compose`
 * writes the file; test/unit/local/compose.test.ts holds it to this.
 */
import {
  apiServerFlags,
  awsEnvironment,
  controllerManagerFlags,
  coreDnsFlags,
  etcdFlags,
  GO_RUNTIME,
  IMAGES,
  motoFlags,
  pebbleEnvironment,
  pebbleFlags,
  temporalFlags,
} from '../stack/versions.ts';
import { ENDPOINTS, FILES, PORTS, STATE } from './endpoints.ts';
import { workerEnvironment } from './worker-environment.ts';

type Condition = 'service_started' | 'service_healthy' | 'service_completed_successfully';

export interface ComposeService {
  readonly image?: string;
  readonly build?: { readonly context: string; readonly target: string };
  readonly user?: string;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: Condition }>>;
  readonly healthcheck?: {
    readonly test: readonly string[];
    readonly interval: string;
    readonly timeout: string;
    readonly retries: number;
  };
  readonly restart?: string;
  readonly pid?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly tmpfs?: readonly string[];
  readonly stop_grace_period?: string;
  readonly profiles?: readonly string[];
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, object>>;
}

const ALL_INTERFACES = { host: '0.0.0.0' };
/** One user for all that share the volume; the Temporal CLI's image has this one anyway. */
const USER = '1000:1000';
const SHARED_VOLUMES = [`state:${STATE}`];

const COMPLETED = { condition: 'service_completed_successfully' } as const;
const HEALTHY = { condition: 'service_healthy' } as const;
const STARTED = { condition: 'service_started' } as const;

/** A service in Go on the shared volume; one that its neighbour is not ready for yet ends, and is started again. */
function goService(service: ComposeService): ComposeService {
  const environment = { ...GO_RUNTIME, ...service.environment };
  return { user: USER, volumes: SHARED_VOLUMES, restart: 'on-failure', ...service, environment };
}

/** A step that runs once, from the image of the Dockerfile's `local` stage. */
function oneOffService(name: string, dependsOn: NonNullable<ComposeService['depends_on']>): ComposeService {
  return {
    build: { context: '.', target: 'local' },
    command: ['local/compose/step.ts', name],
    volumes: SHARED_VOLUMES,
    depends_on: dependsOn,
  };
}

/** On this machine only. */
function publishedPorts(...ports: readonly number[]): readonly string[] {
  return ports.map((port) => `127.0.0.1:${port}:${port}`);
}

function healthcheck(...test: readonly string[]): NonNullable<ComposeService['healthcheck']> {
  return { test: ['CMD', ...test], interval: '2s', timeout: '5s', retries: 60 };
}

const kubernetesServices = {
  etcd: goService({
    image: IMAGES.etcd,
    entrypoint: ['/usr/local/bin/etcd'],
    command: etcdFlags({ ...ALL_INTERFACES, client: PORTS.etcd, peer: PORTS.etcdPeer, dataDir: FILES.etcd }),
    depends_on: { prepare: COMPLETED },
  }),
  kubernetes: goService({
    image: IMAGES.kubeApiServer,
    entrypoint: ['/usr/local/bin/kube-apiserver'],
    command: apiServerFlags({
      ...ALL_INTERFACES,
      port: PORTS.kubernetes,
      etcdUrl: ENDPOINTS.kubernetes.etcdUrl,
      certFile: FILES.certFile,
      keyFile: FILES.keyFile,
      serviceAccountKeyFile: FILES.serviceAccountKeyFile,
      tokensFile: FILES.tokensFile,
      dataDir: FILES.kubeApiServer,
    }),
    ports: publishedPorts(PORTS.kubernetes),
    depends_on: { etcd: STARTED },
  }),
  'kube-controller-manager': goService({
    image: IMAGES.kubeControllerManager,
    entrypoint: ['/usr/local/bin/kube-controller-manager'],
    command: controllerManagerFlags({
      ...ALL_INTERFACES,
      port: PORTS.controllerManager,
      kubeconfig: FILES.adminKubeconfig,
      dataDir: FILES.controllerManager,
    }),
    depends_on: { kubernetes: STARTED },
  }),
} as const;

const acmeAndDns = {
  moto: {
    image: IMAGES.moto,
    entrypoint: ['moto_server'],
    command: motoFlags({ ...ALL_INTERFACES, port: PORTS.moto }),
    ports: publishedPorts(PORTS.moto),
    healthcheck: healthcheck(
      'python',
      '-c',
      `import urllib.request; urllib.request.urlopen("http://127.0.0.1:${PORTS.moto}/moto-api/")`,
    ),
  },
  coredns: goService({
    image: IMAGES.coredns,
    command: coreDnsFlags({ corefile: FILES.corefile }),
    environment: awsEnvironment(ENDPOINTS.route53.endpoint),
    ports: [`127.0.0.1:${PORTS.dns}:${PORTS.dns}/udp`, ...publishedPorts(PORTS.dns, PORTS.doh)],
    depends_on: { prepare: COMPLETED, moto: HEALTHY },
  }),
  pebble: goService({
    image: IMAGES.pebble,
    command: pebbleFlags({ configFile: FILES.pebbleConfiguration, dnsServer: ENDPOINTS.dns.address }),
    environment: pebbleEnvironment(),
    ports: publishedPorts(PORTS.acme, PORTS.acmeManagement),
    depends_on: { prepare: COMPLETED },
  }),
} as const;

const temporalService: ComposeService = {
  image: IMAGES.temporal,
  environment: GO_RUNTIME,
  command: temporalFlags({
    ...ALL_INTERFACES,
    port: PORTS.temporal,
    uiPort: PORTS.temporalUi,
    metricsPort: PORTS.temporalMetrics,
  }),
  ports: publishedPorts(PORTS.temporal, PORTS.temporalUi),
  healthcheck: healthcheck('temporal', 'operator', 'cluster', 'health', '--address', `127.0.0.1:${PORTS.temporal}`),
};

/** The whole file. */
export function composeFile(): ComposeFile {
  return {
    services: {
      prepare: oneOffService('prepare', { moto: HEALTHY }),
      ...kubernetesServices,
      ...acmeAndDns,
      // In the process namespace of CoreDNS, which reads its zones again at a signal.
      zone: { ...oneOffService('zone', { coredns: STARTED }), pid: 'service:coredns' },
      temporal: temporalService,
      hub: oneOffService('hub', { kubernetes: STARTED, pebble: STARTED, temporal: HEALTHY, zone: COMPLETED }),
      worker: {
        build: { context: '.', target: 'worker' },
        environment: workerEnvironment(),
        volumes: [`state:${STATE}:ro`],
        ports: publishedPorts(PORTS.metrics),
        depends_on: { hub: COMPLETED },
        restart: 'on-failure',
        // As in deploy/base/deployment.yaml.
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
        tmpfs: ['/tmp'],
        stop_grace_period: '35s',
      },
      sample: oneOffService('sample', { hub: COMPLETED }),
      kubectl: {
        image: IMAGES.kubectl,
        user: USER,
        environment: { KUBECONFIG: FILES.adminKubeconfig },
        volumes: [`state:${STATE}:ro`],
        profiles: ['tools'],
      },
    },
    volumes: { state: {} },
  };
}
