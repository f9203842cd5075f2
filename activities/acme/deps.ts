import type { CaSource } from '../../src/acme/ca-source.ts';
import type { KeyType } from '../../src/acme/key.ts';
import type { KubernetesApi } from '../../src/kubernetes/kubernetes-api.ts';

export interface AcmeActivityDeps {
  readonly ca: CaSource;
  readonly kubernetes: KubernetesApi;
  readonly settings: {
    readonly keyType: KeyType;
    /** ACME profile of every order; absent: the CA's default. */
    readonly profile?: string | undefined;
  };
}
