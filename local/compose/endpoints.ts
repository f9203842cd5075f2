/** docker-compose.yml as its steps see it: services, ports, and files of the shared volume. */
import type { StackEndpoints } from '../stack/endpoints.ts';
import { AWS, TEMPORAL_NAMESPACE } from '../stack/versions.ts';

/** Mount point of the shared volume, with the files of the native stack's state folder. */
const STATE = '/local';

/** The services that run once, by certman's own image: `node local/compose/step.ts NAME`. */
export const STEPS = ['prepare', 'zone', 'management-cluster', 'sample'] as const;

/** The programs' default ports. */
export const PORTS = {
  etcd: 2379,
  etcdPeer: 2380,
  kubernetes: 6443,
  controllerManager: 10257,
  moto: 5000,
  /** Not 53: CoreDNS does not run as root. */
  dns: 8053,
  doh: 8443,
  acme: 14000,
  acmeManagement: 15000,
  temporal: 7233,
  temporalUi: 8233,
  temporalMetrics: 9233,
  metrics: 8080,
  probes: 8081,
  sdkMetrics: 9464,
} as const;

/** Services that the stack's server certificate is for. */
export const TLS_SERVICES: readonly string[] = ['kubernetes', 'pebble', 'coredns'];

/** Hosted zone of the sample cluster. */
export const ZONE = 'demo.example.com';

/** Files and folders of the shared volume. */
export const FILES = {
  tls: `${STATE}/tls`,
  caFile: `${STATE}/tls/ca.crt`,
  certFile: `${STATE}/tls/tls.crt`,
  keyFile: `${STATE}/tls/tls.key`,
  etcd: `${STATE}/etcd`,
  kubeApiServer: `${STATE}/kube-apiserver`,
  tokensFile: `${STATE}/kube-apiserver/tokens.csv`,
  serviceAccountKeyFile: `${STATE}/kube-apiserver/service-account.key`,
  controllerManager: `${STATE}/kube-controller-manager`,
  adminKubeconfig: `${STATE}/admin.kubeconfig`,
  certmanKubeconfig: `${STATE}/certman.kubeconfig`,
  pebble: `${STATE}/pebble`,
  pebbleConfiguration: `${STATE}/pebble/pebble.json`,
  pebbleRoots: `${STATE}/pebble-roots.pem`,
  coreDns: `${STATE}/coredns`,
  corefile: `${STATE}/coredns/Corefile`,
  zonesDir: `${STATE}/coredns/zones`,
} as const;

const { region, accessKeyId, secretAccessKey } = AWS;

/** Endpoints of the stack inside the Compose network. */
export const ENDPOINTS: StackEndpoints = {
  stateDir: STATE,
  temporal: {
    address: `temporal:${PORTS.temporal}`,
    namespace: TEMPORAL_NAMESPACE,
    uiUrl: `http://127.0.0.1:${PORTS.temporalUi}`,
    metricsUrl: `http://temporal:${PORTS.temporalMetrics}/metrics`,
  },
  kubernetes: {
    server: `https://kubernetes:${PORTS.kubernetes}`,
    caFile: FILES.caFile,
    adminKubeconfig: FILES.adminKubeconfig,
    etcdUrl: `http://etcd:${PORTS.etcd}`,
  },
  acme: {
    directoryUrl: `https://pebble:${PORTS.acme}/dir`,
    managementUrl: `https://pebble:${PORTS.acmeManagement}`,
    caFile: FILES.caFile,
    rootsFile: FILES.pebbleRoots,
  },
  route53: { endpoint: `http://moto:${PORTS.moto}`, region, credentials: { accessKeyId, secretAccessKey } },
  dns: {
    address: `coredns:${PORTS.dns}`,
    dohUrl: `https://coredns:${PORTS.doh}/dns-query`,
    caFile: FILES.caFile,
    zonesDir: FILES.zonesDir,
    pidFile: `${STATE}/coredns/pid`,
  },
};
