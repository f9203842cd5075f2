/** Where a cluster serves its certificates. Pure. */
import type { NotProbedReason } from '../certificates/served.ts';
import type { ClusterView } from './cluster-view.ts';

const API_PORT = 6443;
const INGRESS_PORT = 443;
/** The route by which OpenShift's ingress operator checks each router: it has the default certificate. */
const INGRESS_LABEL = 'canary-openshift-ingress-canary';
const MAX_ENDPOINTS = 10;

/** What differs from most clusters, so that little of it is cached. */
export interface ServedEndpoints {
  readonly notProbed?: NotProbedReason;
  readonly apiPort?: number;
  readonly ingressPort?: number;
}

/** A host name and a port that serve a certificate. */
export interface ServedEndpoint {
  readonly host: string;
  readonly port: number;
}

/** Of a cluster; undefined: it has nothing unusual. The ports are those of the URLs in its status. */
export function servedEndpointsOf({
  privateLink,
  hibernating,
  apiURL,
  webConsoleURL,
}: ClusterView): ServedEndpoints | undefined {
  const notProbed = privateLink ? 'PrivateLink' : hibernating ? 'Hibernating' : undefined;
  const apiPort = portOf(apiURL, API_PORT);
  const ingressPort = portOf(webConsoleURL, INGRESS_PORT);
  if (notProbed === undefined && apiPort === API_PORT && ingressPort === INGRESS_PORT) return undefined;
  return { notProbed, apiPort, ingressPort };
}

/** Where the names of a certificate are served: a wildcard by a router, at a name below it; others by the API server. */
export function endpointsOf(
  dnsNames: readonly string[],
  { apiPort = API_PORT, ingressPort = INGRESS_PORT }: ServedEndpoints = {},
): readonly ServedEndpoint[] {
  return dnsNames
    .slice(0, MAX_ENDPOINTS)
    .map((name) =>
      name.startsWith('*.')
        ? { host: `${INGRESS_LABEL}.${name.slice(2)}`, port: ingressPort }
        : { host: name, port: apiPort },
    );
}

function portOf(url: string | undefined, usual: number): number {
  if (url === undefined || !URL.canParse(url)) return usual;
  const { protocol, port } = new URL(url);
  return protocol !== 'https:' ? usual : port === '' ? 443 : Number(port);
}
