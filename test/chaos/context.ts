/** Clients for runs and checks: direct connections that bypass the relays, with all rights. */
import type { Client } from '@temporalio/client';
import type { SampleCluster } from '../../local/stack/management-cluster/sample-cluster.ts';
import type { Stack } from '../../local/stack/stack.ts';
import type { ClusterIdentity } from '../../src/clusters/cluster-identity.ts';
import type { KubernetesClient } from '../../src/kubernetes/api/client.ts';

export interface ChaosContext {
  readonly stack: Stack;
  readonly kubernetes: KubernetesClient;
  readonly client: Client;
  readonly zone: { readonly name: string; readonly zoneId: string };
}

export interface ChaosCluster extends SampleCluster {
  readonly identity: ClusterIdentity;
}
