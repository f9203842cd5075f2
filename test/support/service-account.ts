export {
  CERTMAN_SERVICE_ACCOUNT,
  type ServiceAccountRef,
  serviceAccountKubeConfig,
} from '../../local/service-account.ts';
