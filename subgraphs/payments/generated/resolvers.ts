import type { GraphQLResolveInfo, GraphQLScalarType, GraphQLScalarTypeConfig } from 'graphql';
import type { PaymentRow, RefundRow, PriceRow, Reference, PostReference, BookmarkReference } from '../rows';
import type { PaymentsContext } from '../context';
export type Maybe<T> = T | null;
export type InputMaybe<T> = T | null | undefined;
export type Omit<T, K extends keyof T> = Pick<T, Exclude<keyof T, K>>;
export type RequireFields<T, K extends keyof T> = Omit<T, K> & { [P in K]-?: NonNullable<T[P]> };
/** All built-in and custom scalars, mapped to their actual values */
export type Scalars = {
  ID: { input: string; output: string; }
  String: { input: string; output: string; }
  Boolean: { input: boolean; output: boolean; }
  Int: { input: number; output: number; }
  Float: { input: number; output: number; }
  /** A moment, ISO 8601 in UTC with milliseconds. */
  DateTime: { input: Date; output: Date; }
  _FieldSet: { input: unknown; output: unknown; }
};

export type Bookmark = {
  __typename?: 'Bookmark';
  postId: Scalars['ID']['output'];
  /** Whether the user of the bookmark paid for the post. For that user and for an ADMIN. */
  purchased: Maybe<Scalars['Boolean']['output']>;
  userId: Scalars['ID']['output'];
};

export type CacheControlScope =
  | 'PRIVATE'
  | 'PUBLIC';

/** A total that stands until `expiresAt`: hand `token` to `createPaymentIntent` to pay exactly this. */
export type CheckoutQuote = {
  __typename?: 'CheckoutQuote';
  expiresAt: Scalars['DateTime']['output'];
  /** Signed, for the caller alone and for this post and quantity alone. */
  token: Scalars['String']['output'];
  total: Money;
};

/** Currencies that prices are set in. */
export type Currency =
  | 'EUR'
  | 'GBP'
  | 'JPY'
  | 'USD';

export type Media = {
  __typename?: 'Media';
  id: Scalars['ID']['output'];
  /** The price of a download; null when it is free. */
  price: Maybe<Money>;
};

/** An amount in the minor unit of its currency: 1050 EUR are ten euros and fifty cents, 1050 JPY are 1050 yen. */
export type Money = {
  __typename?: 'Money';
  amount: Scalars['Int']['output'];
  currency: Currency;
};

export type MoneyInput = {
  amount: Scalars['Int']['input'];
  currency: Currency;
};

export type Mutation = {
  __typename?: 'Mutation';
  /** The payer gives up a payment that is not confirmed yet. */
  cancelPayment: Payment;
  /** The payer confirms. A CARD settles at once; a BANK_TRANSFER is PROCESSING until the provider's webhook tells its end. */
  confirmPayment: Payment;
  /**
   * Begins a payment for one post or one media item, at the price of the price list or of a quote.
   * The same key with the same input answers the same payment, however often and however concurrently it is sent;
   * the same key with another input is refused with CONFLICT.
   */
  createPaymentIntent: Payment;
  /**
   * Gives back all or a part of a payment that succeeded. For its seller and for an ADMIN.
   * The refunds of a payment never exceed its amount. Idempotent by key, as `createPaymentIntent` is.
   */
  refundPayment: Refund;
  /**
   * Puts a post or a media item on the price list, or changes its price. For an ADMIN.
   * Payments that exist keep the amount they began with.
   */
  setPrice: PriceListEntry;
};


export type MutationCancelPaymentArgs = {
  id: Scalars['ID']['input'];
};


export type MutationConfirmPaymentArgs = {
  id: Scalars['ID']['input'];
  method?: PaymentMethod;
};


export type MutationCreatePaymentIntentArgs = {
  idempotencyKey: Scalars['String']['input'];
  input: PaymentIntentInput;
};


export type MutationRefundPaymentArgs = {
  idempotencyKey: Scalars['String']['input'];
  input: RefundInput;
};


export type MutationSetPriceArgs = {
  input: PriceInput;
};

/** Everything with an id of its own. */
export type Node = {
  id: Scalars['ID']['output'];
};

export type PageInfo = {
  __typename?: 'PageInfo';
  endCursor: Maybe<Scalars['String']['output']>;
  hasNextPage: Scalars['Boolean']['output'];
  hasPreviousPage: Scalars['Boolean']['output'];
  startCursor: Maybe<Scalars['String']['output']>;
};

/** One purchase of one item, from the intent to the last refund. Exactly one of `post` and `media` is set. */
export type Payment = Node & Timestamped & {
  __typename?: 'Payment';
  amount: Money;
  createdAt: Scalars['DateTime']['output'];
  /** The provider's words, for a FAILED payment. */
  failureReason: Maybe<Scalars['String']['output']>;
  id: Scalars['ID']['output'];
  media: Maybe<Media>;
  /** Set when the payment is confirmed. */
  method: Maybe<PaymentMethod>;
  payer: User;
  /** The post that was bought. Its author is the seller, whom this subgraph knows. */
  post: Maybe<Post>;
  /** The payment's name at the provider; it comes back in webhooks. */
  providerReference: Scalars['String']['output'];
  quantity: Scalars['Int']['output'];
  /** The sum of `refunds`, never more than `amount`. */
  refundedAmount: Money;
  /** Oldest first, at most 50. */
  refunds: Array<Refund>;
  /** Who earns the money: the author of the post or the creator of the media item. */
  seller: Maybe<User>;
  status: PaymentStatus;
  updatedAt: Scalars['DateTime']['output'];
};

export type PaymentConnection = {
  __typename?: 'PaymentConnection';
  edges: Array<PaymentEdge>;
  nodes: Array<Payment>;
  pageInfo: PageInfo;
};

export type PaymentEdge = {
  __typename?: 'PaymentEdge';
  cursor: Scalars['String']['output'];
  node: Payment;
};

/** Exactly one of `postId` and `mediaId`. */
export type PaymentIntentInput = {
  mediaId?: InputMaybe<Scalars['ID']['input']>;
  postId?: InputMaybe<Scalars['ID']['input']>;
  /** 1 to 100. A media item is bought once. */
  quantity?: Scalars['Int']['input'];
  /** `checkoutQuote.token` of the same post and quantity: the payment is for the quoted total. */
  quote?: InputMaybe<Scalars['String']['input']>;
};

export type PaymentMethod =
  | 'BANK_TRANSFER'
  | 'CARD';

/**
 * Where a payment stands. From REQUIRES_CONFIRMATION to PROCESSING or CANCELED; from PROCESSING to SUCCEEDED or FAILED;
 * from SUCCEEDED and PARTIALLY_REFUNDED to PARTIALLY_REFUNDED or REFUNDED. Nothing else.
 */
export type PaymentStatus =
  | 'CANCELED'
  | 'FAILED'
  | 'PARTIALLY_REFUNDED'
  | 'PROCESSING'
  | 'REFUNDED'
  | 'REQUIRES_CONFIRMATION'
  | 'SUCCEEDED';

export type Post = {
  __typename?: 'Post';
  author: User;
  /** `checkoutTotal` as an offer to the caller, who must be signed in, that holds for 15 minutes. */
  checkoutQuote: Maybe<CheckoutQuote>;
  /** The value-added tax that `checkoutTotal` contains. */
  checkoutTax: Maybe<Money>;
  /**
   * What `quantity` copies (1 to 100) cost with the post's discount, rounded half up to the minor unit.
   * Null when the post is not for sale.
   */
  checkoutTotal: Maybe<Money>;
  discountPercent: Scalars['Int']['output'];
  id: Scalars['ID']['output'];
  /** The price of one printed copy; null when the post is not for sale. */
  price: Maybe<Money>;
  /** How many copies were sold and not wholly refunded. */
  purchaseCount: Scalars['Int']['output'];
  /**
   * The payments for this post that the caller may read: all for its seller and for an ADMIN, the caller's own for a
   * buyer, none for somebody who is not signed in. Newest first.
   */
  purchases: PaymentConnection;
  taxClass: TaxClass;
};


export type PostCheckoutQuoteArgs = {
  quantity: Scalars['Int']['input'];
};


export type PostCheckoutTaxArgs = {
  quantity: Scalars['Int']['input'];
};


export type PostCheckoutTotalArgs = {
  quantity: Scalars['Int']['input'];
};


export type PostPurchasesArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  first?: InputMaybe<Scalars['Int']['input']>;
};

/** Exactly one of `postId` and `mediaId`. */
export type PriceInput = {
  mediaId?: InputMaybe<Scalars['ID']['input']>;
  postId?: InputMaybe<Scalars['ID']['input']>;
  price: MoneyInput;
  sellerId: Scalars['ID']['input'];
};

/** What one item costs and who is paid for it. */
export type PriceListEntry = {
  __typename?: 'PriceListEntry';
  media: Maybe<Media>;
  post: Maybe<Post>;
  price: Money;
  seller: Maybe<User>;
  updatedAt: Scalars['DateTime']['output'];
};

export type Query = {
  __typename?: 'Query';
  /** One payment. Its payer, its seller and an ADMIN may read it; for everybody else, as for an unknown id, it is null. */
  payment: Maybe<Payment>;
  /** The payments that the caller made, newest first. */
  payments: PaymentConnection;
};


export type QueryPaymentArgs = {
  id: Scalars['ID']['input'];
};


export type QueryPaymentsArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  first?: InputMaybe<Scalars['Int']['input']>;
};

/** Money that went back to the payer. */
export type Refund = Node & Timestamped & {
  __typename?: 'Refund';
  amount: Money;
  createdAt: Scalars['DateTime']['output'];
  id: Scalars['ID']['output'];
  payment: Payment;
  reason: Maybe<Scalars['String']['output']>;
  requestedBy: User;
  updatedAt: Scalars['DateTime']['output'];
};

export type RefundInput = {
  /** In the minor unit of the payment's currency; all that is left without it. */
  amount?: InputMaybe<Scalars['Int']['input']>;
  paymentId: Scalars['ID']['input'];
  /** At most 500 characters. */
  reason?: InputMaybe<Scalars['String']['input']>;
};

export type Subscription = {
  __typename?: 'Subscription';
  /** The payments that the caller made, each time that their status changes; with `id` one of them. */
  paymentStatusChanged: Payment;
};


export type SubscriptionPaymentStatusChangedArgs = {
  id?: InputMaybe<Scalars['ID']['input']>;
};

export type TaxClass =
  | 'EDITORIAL'
  | 'STANDARD';

/** What knows when it was made and when it last changed. */
export type Timestamped = {
  createdAt: Scalars['DateTime']['output'];
  updatedAt: Scalars['DateTime']['output'];
};

export type User = {
  __typename?: 'User';
  /** What the user earned with sales in one currency, less refunds. For the user and for an ADMIN. */
  balance: Maybe<Money>;
  id: Scalars['ID']['output'];
  /** The payments this user made, newest first. For the user and for an ADMIN. */
  payments: Maybe<PaymentConnection>;
};


export type UserBalanceArgs = {
  currency?: Currency;
};


export type UserPaymentsArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  first?: InputMaybe<Scalars['Int']['input']>;
};



export type ResolverTypeWrapper<T> = Promise<T> | T;

export type ReferenceResolver<TResult, TReference, TContext> = (
      reference: TReference,
      context: TContext,
      info: GraphQLResolveInfo
    ) => Promise<TResult> | TResult;

      type ScalarCheck<T, S> = S extends true ? T : NullableCheck<T, S>;
      type NullableCheck<T, S> = Maybe<T> extends T ? Maybe<ListCheck<NonNullable<T>, S>> : ListCheck<T, S>;
      type ListCheck<T, S> = T extends (infer U)[] ? NullableCheck<U, S>[] : GraphQLRecursivePick<T, S>;
      export type GraphQLRecursivePick<T, S> = { [K in keyof T & keyof S]: ScalarCheck<T[K], S[K]> };
    

export type ResolverWithResolve<TResult, TParent, TContext, TArgs> = {
  resolve: ResolverFn<TResult, TParent, TContext, TArgs>;
};
export type Resolver<TResult, TParent = Record<PropertyKey, never>, TContext = Record<PropertyKey, never>, TArgs = Record<PropertyKey, never>> = ResolverFn<TResult, TParent, TContext, TArgs> | ResolverWithResolve<TResult, TParent, TContext, TArgs>;

export type ResolverFn<TResult, TParent, TContext, TArgs> = (
  parent: TParent,
  args: TArgs,
  context: TContext,
  info: GraphQLResolveInfo
) => Promise<TResult> | TResult;

export type SubscriptionSubscribeFn<TResult, TParent, TContext, TArgs> = (
  parent: TParent,
  args: TArgs,
  context: TContext,
  info: GraphQLResolveInfo
) => AsyncIterable<TResult> | Promise<AsyncIterable<TResult>>;

export type SubscriptionResolveFn<TResult, TParent, TContext, TArgs> = (
  parent: TParent,
  args: TArgs,
  context: TContext,
  info: GraphQLResolveInfo
) => TResult | Promise<TResult>;

export interface SubscriptionSubscriberObject<TResult, TKey extends string, TParent, TContext, TArgs> {
  subscribe: SubscriptionSubscribeFn<{ [key in TKey]: TResult }, TParent, TContext, TArgs>;
  resolve?: SubscriptionResolveFn<TResult, { [key in TKey]: TResult }, TContext, TArgs>;
}

export interface SubscriptionResolverObject<TResult, TParent, TContext, TArgs> {
  subscribe: SubscriptionSubscribeFn<any, TParent, TContext, TArgs>;
  resolve: SubscriptionResolveFn<TResult, any, TContext, TArgs>;
}

export type SubscriptionObject<TResult, TKey extends string, TParent, TContext, TArgs> =
  | SubscriptionSubscriberObject<TResult, TKey, TParent, TContext, TArgs>
  | SubscriptionResolverObject<TResult, TParent, TContext, TArgs>;

export type SubscriptionResolver<TResult, TKey extends string, TParent = Record<PropertyKey, never>, TContext = Record<PropertyKey, never>, TArgs = Record<PropertyKey, never>> =
  | ((...args: any[]) => SubscriptionObject<TResult, TKey, TParent, TContext, TArgs>)
  | SubscriptionObject<TResult, TKey, TParent, TContext, TArgs>;

export type TypeResolveFn<TTypes, TParent = Record<PropertyKey, never>, TContext = Record<PropertyKey, never>> = (
  parent: TParent,
  context: TContext,
  info: GraphQLResolveInfo
) => Maybe<TTypes> | Promise<Maybe<TTypes>>;

export type IsTypeOfResolverFn<T = Record<PropertyKey, never>, TContext = Record<PropertyKey, never>> = (obj: T, context: TContext, info: GraphQLResolveInfo) => boolean | Promise<boolean>;

export type NextResolverFn<T> = () => Promise<T>;

export type DirectiveResolverFn<TResult = Record<PropertyKey, never>, TParent = Record<PropertyKey, never>, TContext = Record<PropertyKey, never>, TArgs = Record<PropertyKey, never>> = (
  next: NextResolverFn<TResult>,
  parent: TParent,
  args: TArgs,
  context: TContext,
  info: GraphQLResolveInfo
) => TResult | Promise<TResult>;

/** Mapping of federation types */
export type FederationTypes = {
  Bookmark: Bookmark;
  Media: Media;
  Payment: Payment;
  Post: Post;
  Refund: Refund;
  User: User;
};

/** Mapping of federation reference types */
export type FederationReferenceTypes = {
  Bookmark:
    ( { __typename: 'Bookmark' }
    & GraphQLRecursivePick<FederationTypes['Bookmark'], {"userId":true,"postId":true}> );
  Media:
    ( { __typename: 'Media' }
    & GraphQLRecursivePick<FederationTypes['Media'], {"id":true}> );
  Payment:
    ( { __typename: 'Payment' }
    & ( GraphQLRecursivePick<FederationTypes['Payment'], {"id":true}>
        | GraphQLRecursivePick<FederationTypes['Payment'], {"providerReference":true}> ) );
  Post:
    ( { __typename: 'Post' }
    & GraphQLRecursivePick<FederationTypes['Post'], {"id":true}>
    & ( Record<PropertyKey, never>
        | GraphQLRecursivePick<FederationTypes['Post'], {"discountPercent":true}>
        | GraphQLRecursivePick<FederationTypes['Post'], {"discountPercent":true,"taxClass":true}>
        | GraphQLRecursivePick<FederationTypes['Post'], {"discountPercent":true}>
        | GraphQLRecursivePick<FederationTypes['Post'], {"discountPercent":true,"taxClass":true}>
        | GraphQLRecursivePick<FederationTypes['Post'], {"discountPercent":true,"taxClass":true}>
        | GraphQLRecursivePick<FederationTypes['Post'], {"discountPercent":true,"taxClass":true}>
        | GraphQLRecursivePick<FederationTypes['Post'], {"discountPercent":true}> ) );
  Refund:
    ( { __typename: 'Refund' }
    & GraphQLRecursivePick<FederationTypes['Refund'], {"id":true}> );
  User:
    ( { __typename: 'User' }
    & GraphQLRecursivePick<FederationTypes['User'], {"id":true}> );
};


/** Mapping of interface types */
export type ResolversInterfaceTypes<_RefType extends Record<string, unknown>> = {
  Node:
    | ( PaymentRow )
    | ( RefundRow )
  ;
  Timestamped:
    | ( PaymentRow )
    | ( RefundRow )
  ;
};

/** Mapping between all available schema types and the resolvers types */
export type ResolversTypes = {
  Bookmark: ResolverTypeWrapper<BookmarkReference>;
  ID: ResolverTypeWrapper<Scalars['ID']['output']>;
  CacheControlScope: CacheControlScope;
  CheckoutQuote: ResolverTypeWrapper<CheckoutQuote>;
  Currency: Currency;
  DateTime: ResolverTypeWrapper<Scalars['DateTime']['output']>;
  Media: ResolverTypeWrapper<Reference>;
  Money: ResolverTypeWrapper<Money>;
  MoneyInput: MoneyInput;
  Mutation: ResolverTypeWrapper<Record<PropertyKey, never>>;
  Node: ResolverTypeWrapper<ResolversInterfaceTypes<ResolversTypes>['Node']>;
  PageInfo: ResolverTypeWrapper<PageInfo>;
  Payment: ResolverTypeWrapper<PaymentRow>;
  PaymentConnection: ResolverTypeWrapper<Omit<PaymentConnection, 'edges' | 'nodes'> & { edges: Array<ResolversTypes['PaymentEdge']>, nodes: Array<ResolversTypes['Payment']> }>;
  PaymentEdge: ResolverTypeWrapper<Omit<PaymentEdge, 'node'> & { node: ResolversTypes['Payment'] }>;
  PaymentIntentInput: PaymentIntentInput;
  PaymentMethod: PaymentMethod;
  PaymentStatus: PaymentStatus;
  Post: ResolverTypeWrapper<PostReference>;
  PriceInput: PriceInput;
  PriceListEntry: ResolverTypeWrapper<PriceRow>;
  Query: ResolverTypeWrapper<Record<PropertyKey, never>>;
  Refund: ResolverTypeWrapper<RefundRow>;
  RefundInput: RefundInput;
  Subscription: ResolverTypeWrapper<Record<PropertyKey, never>>;
  TaxClass: TaxClass;
  Timestamped: ResolverTypeWrapper<ResolversInterfaceTypes<ResolversTypes>['Timestamped']>;
  User: ResolverTypeWrapper<Reference>;
  Boolean: ResolverTypeWrapper<Scalars['Boolean']['output']>;
  Int: ResolverTypeWrapper<Scalars['Int']['output']>;
  String: ResolverTypeWrapper<Scalars['String']['output']>;
};

/** Mapping between all available schema types and the resolvers parents */
export type ResolversParentTypes = {
  Bookmark: BookmarkReference;
  ID: Scalars['ID']['output'];
  CheckoutQuote: CheckoutQuote;
  DateTime: Scalars['DateTime']['output'];
  Media: Reference;
  Money: Money;
  MoneyInput: MoneyInput;
  Mutation: Record<PropertyKey, never>;
  Node: ResolversInterfaceTypes<ResolversParentTypes>['Node'];
  PageInfo: PageInfo;
  Payment: PaymentRow;
  PaymentConnection: Omit<PaymentConnection, 'edges' | 'nodes'> & { edges: Array<ResolversParentTypes['PaymentEdge']>, nodes: Array<ResolversParentTypes['Payment']> };
  PaymentEdge: Omit<PaymentEdge, 'node'> & { node: ResolversParentTypes['Payment'] };
  PaymentIntentInput: PaymentIntentInput;
  Post: PostReference;
  PriceInput: PriceInput;
  PriceListEntry: PriceRow;
  Query: Record<PropertyKey, never>;
  Refund: RefundRow;
  RefundInput: RefundInput;
  Subscription: Record<PropertyKey, never>;
  Timestamped: ResolversInterfaceTypes<ResolversParentTypes>['Timestamped'];
  User: Reference;
  Boolean: Scalars['Boolean']['output'];
  Int: Scalars['Int']['output'];
  String: Scalars['String']['output'];
};

export type CacheControlDirectiveArgs = {
  inheritMaxAge?: Maybe<Scalars['Boolean']['input']>;
  maxAge?: Maybe<Scalars['Int']['input']>;
  scope?: Maybe<CacheControlScope>;
};

export type CacheControlDirectiveResolver<Result, Parent, ContextType = PaymentsContext, Args = CacheControlDirectiveArgs> = DirectiveResolverFn<Result, Parent, ContextType, Args>;

export type RateLimitDirectiveArgs = {
  algorithm?: Maybe<Scalars['String']['input']>;
  arrayLengthField?: Maybe<Scalars['String']['input']>;
  by?: Maybe<Scalars['String']['input']>;
  identityArgs?: Maybe<Array<Scalars['String']['input']>>;
  max?: Maybe<Scalars['Int']['input']>;
  message?: Maybe<Scalars['String']['input']>;
  onStoreFailure?: Maybe<Scalars['String']['input']>;
  readOnly?: Maybe<Scalars['Boolean']['input']>;
  tier?: Maybe<Scalars['String']['input']>;
  uncountRejected?: Maybe<Scalars['Boolean']['input']>;
  window?: Maybe<Scalars['String']['input']>;
};

export type RateLimitDirectiveResolver<Result, Parent, ContextType = PaymentsContext, Args = RateLimitDirectiveArgs> = DirectiveResolverFn<Result, Parent, ContextType, Args>;

export type BookmarkResolvers<ContextType = PaymentsContext, ParentType extends ResolversParentTypes['Bookmark'] = ResolversParentTypes['Bookmark'], FederationReferenceType extends FederationReferenceTypes['Bookmark'] = FederationReferenceTypes['Bookmark']> = {
  __resolveReference?: ReferenceResolver<Maybe<ResolversTypes['Bookmark']> | FederationReferenceType, FederationReferenceType, ContextType>;
  postId?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  purchased?: Resolver<Maybe<ResolversTypes['Boolean']>, ParentType, ContextType>;
  userId?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
};

export type CheckoutQuoteResolvers<ContextType = PaymentsContext, ParentType extends ResolversParentTypes['CheckoutQuote'] = ResolversParentTypes['CheckoutQuote']> = {
  expiresAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  token?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  total?: Resolver<ResolversTypes['Money'], ParentType, ContextType>;
};

export interface DateTimeScalarConfig extends GraphQLScalarTypeConfig<ResolversTypes['DateTime'], any> {
  name: 'DateTime';
}

export type MediaResolvers<ContextType = PaymentsContext, ParentType extends ResolversParentTypes['Media'] = ResolversParentTypes['Media'], FederationReferenceType extends FederationReferenceTypes['Media'] = FederationReferenceTypes['Media']> = {
  __resolveReference?: ReferenceResolver<Maybe<ResolversTypes['Media']> | FederationReferenceType, FederationReferenceType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  price?: Resolver<Maybe<ResolversTypes['Money']>, ParentType, ContextType>;
};

export type MoneyResolvers<ContextType = PaymentsContext, ParentType extends ResolversParentTypes['Money'] = ResolversParentTypes['Money']> = {
  amount?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  currency?: Resolver<ResolversTypes['Currency'], ParentType, ContextType>;
};

export type MutationResolvers<ContextType = PaymentsContext, ParentType extends ResolversParentTypes['Mutation'] = ResolversParentTypes['Mutation']> = {
  cancelPayment?: Resolver<ResolversTypes['Payment'], ParentType, ContextType, RequireFields<MutationCancelPaymentArgs, 'id'>>;
  confirmPayment?: Resolver<ResolversTypes['Payment'], ParentType, ContextType, RequireFields<MutationConfirmPaymentArgs, 'id' | 'method'>>;
  createPaymentIntent?: Resolver<ResolversTypes['Payment'], ParentType, ContextType, RequireFields<MutationCreatePaymentIntentArgs, 'idempotencyKey' | 'input'>>;
  refundPayment?: Resolver<ResolversTypes['Refund'], ParentType, ContextType, RequireFields<MutationRefundPaymentArgs, 'idempotencyKey' | 'input'>>;
  setPrice?: Resolver<ResolversTypes['PriceListEntry'], ParentType, ContextType, RequireFields<MutationSetPriceArgs, 'input'>>;
};

export type NodeResolvers<ContextType = PaymentsContext, ParentType extends ResolversParentTypes['Node'] = ResolversParentTypes['Node']> = {
  __resolveType: TypeResolveFn<'Payment' | 'Refund', ParentType, ContextType>;
};

export type PageInfoResolvers<ContextType = PaymentsContext, ParentType extends ResolversParentTypes['PageInfo'] = ResolversParentTypes['PageInfo']> = {
  endCursor?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  hasNextPage?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  hasPreviousPage?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  startCursor?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
};

export type PaymentResolvers<ContextType = PaymentsContext, ParentType extends ResolversParentTypes['Payment'] = ResolversParentTypes['Payment'], FederationReferenceType extends FederationReferenceTypes['Payment'] = FederationReferenceTypes['Payment']> = {
  __resolveReference?: ReferenceResolver<Maybe<ResolversTypes['Payment']> | FederationReferenceType, FederationReferenceType, ContextType>;
  amount?: Resolver<ResolversTypes['Money'], ParentType, ContextType>;
  createdAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  failureReason?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  media?: Resolver<Maybe<ResolversTypes['Media']>, ParentType, ContextType>;
  method?: Resolver<Maybe<ResolversTypes['PaymentMethod']>, ParentType, ContextType>;
  payer?: Resolver<ResolversTypes['User'], ParentType, ContextType>;
  post?: Resolver<Maybe<ResolversTypes['Post']>, ParentType, ContextType>;
  providerReference?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  quantity?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  refundedAmount?: Resolver<ResolversTypes['Money'], ParentType, ContextType>;
  refunds?: Resolver<Array<ResolversTypes['Refund']>, ParentType, ContextType>;
  seller?: Resolver<Maybe<ResolversTypes['User']>, ParentType, ContextType>;
  status?: Resolver<ResolversTypes['PaymentStatus'], ParentType, ContextType>;
  updatedAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type PaymentConnectionResolvers<ContextType = PaymentsContext, ParentType extends ResolversParentTypes['PaymentConnection'] = ResolversParentTypes['PaymentConnection']> = {
  edges?: Resolver<Array<ResolversTypes['PaymentEdge']>, ParentType, ContextType>;
  nodes?: Resolver<Array<ResolversTypes['Payment']>, ParentType, ContextType>;
  pageInfo?: Resolver<ResolversTypes['PageInfo'], ParentType, ContextType>;
};

export type PaymentEdgeResolvers<ContextType = PaymentsContext, ParentType extends ResolversParentTypes['PaymentEdge'] = ResolversParentTypes['PaymentEdge']> = {
  cursor?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  node?: Resolver<ResolversTypes['Payment'], ParentType, ContextType>;
};

export type PostResolvers<ContextType = PaymentsContext, ParentType extends ResolversParentTypes['Post'] = ResolversParentTypes['Post'], FederationReferenceType extends FederationReferenceTypes['Post'] = FederationReferenceTypes['Post']> = {
  __resolveReference?: ReferenceResolver<Maybe<ResolversTypes['Post']> | FederationReferenceType, FederationReferenceType, ContextType>;
  author?: Resolver<ResolversTypes['User'], ParentType, ContextType>;
  checkoutQuote?: Resolver<Maybe<ResolversTypes['CheckoutQuote']>, ParentType, ContextType, RequireFields<PostCheckoutQuoteArgs, 'quantity'>>;
  checkoutTax?: Resolver<Maybe<ResolversTypes['Money']>, ParentType, ContextType, RequireFields<PostCheckoutTaxArgs, 'quantity'>>;
  checkoutTotal?: Resolver<Maybe<ResolversTypes['Money']>, ParentType, ContextType, RequireFields<PostCheckoutTotalArgs, 'quantity'>>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  price?: Resolver<Maybe<ResolversTypes['Money']>, ParentType, ContextType>;
  purchaseCount?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  purchases?: Resolver<ResolversTypes['PaymentConnection'], ParentType, ContextType, RequireFields<PostPurchasesArgs, 'first'>>;
};

export type PriceListEntryResolvers<ContextType = PaymentsContext, ParentType extends ResolversParentTypes['PriceListEntry'] = ResolversParentTypes['PriceListEntry']> = {
  media?: Resolver<Maybe<ResolversTypes['Media']>, ParentType, ContextType>;
  post?: Resolver<Maybe<ResolversTypes['Post']>, ParentType, ContextType>;
  price?: Resolver<ResolversTypes['Money'], ParentType, ContextType>;
  seller?: Resolver<Maybe<ResolversTypes['User']>, ParentType, ContextType>;
  updatedAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
};

export type QueryResolvers<ContextType = PaymentsContext, ParentType extends ResolversParentTypes['Query'] = ResolversParentTypes['Query']> = {
  payment?: Resolver<Maybe<ResolversTypes['Payment']>, ParentType, ContextType, RequireFields<QueryPaymentArgs, 'id'>>;
  payments?: Resolver<ResolversTypes['PaymentConnection'], ParentType, ContextType, RequireFields<QueryPaymentsArgs, 'first'>>;
};

export type RefundResolvers<ContextType = PaymentsContext, ParentType extends ResolversParentTypes['Refund'] = ResolversParentTypes['Refund'], FederationReferenceType extends FederationReferenceTypes['Refund'] = FederationReferenceTypes['Refund']> = {
  __resolveReference?: ReferenceResolver<Maybe<ResolversTypes['Refund']> | FederationReferenceType, FederationReferenceType, ContextType>;
  amount?: Resolver<ResolversTypes['Money'], ParentType, ContextType>;
  createdAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  payment?: Resolver<ResolversTypes['Payment'], ParentType, ContextType>;
  reason?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  requestedBy?: Resolver<ResolversTypes['User'], ParentType, ContextType>;
  updatedAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type SubscriptionResolvers<ContextType = PaymentsContext, ParentType extends ResolversParentTypes['Subscription'] = ResolversParentTypes['Subscription']> = {
  paymentStatusChanged?: SubscriptionResolver<ResolversTypes['Payment'], "paymentStatusChanged", ParentType, ContextType, Partial<SubscriptionPaymentStatusChangedArgs>>;
};

export type TimestampedResolvers<ContextType = PaymentsContext, ParentType extends ResolversParentTypes['Timestamped'] = ResolversParentTypes['Timestamped']> = {
  __resolveType: TypeResolveFn<'Payment' | 'Refund', ParentType, ContextType>;
};

export type UserResolvers<ContextType = PaymentsContext, ParentType extends ResolversParentTypes['User'] = ResolversParentTypes['User'], FederationReferenceType extends FederationReferenceTypes['User'] = FederationReferenceTypes['User']> = {
  __resolveReference?: ReferenceResolver<Maybe<ResolversTypes['User']> | FederationReferenceType, FederationReferenceType, ContextType>;
  balance?: Resolver<Maybe<ResolversTypes['Money']>, ParentType, ContextType, RequireFields<UserBalanceArgs, 'currency'>>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  payments?: Resolver<Maybe<ResolversTypes['PaymentConnection']>, ParentType, ContextType, RequireFields<UserPaymentsArgs, 'first'>>;
};

export type Resolvers<ContextType = PaymentsContext> = {
  Bookmark?: BookmarkResolvers<ContextType>;
  CheckoutQuote?: CheckoutQuoteResolvers<ContextType>;
  DateTime?: GraphQLScalarType;
  Media?: MediaResolvers<ContextType>;
  Money?: MoneyResolvers<ContextType>;
  Mutation?: MutationResolvers<ContextType>;
  Node?: NodeResolvers<ContextType>;
  PageInfo?: PageInfoResolvers<ContextType>;
  Payment?: PaymentResolvers<ContextType>;
  PaymentConnection?: PaymentConnectionResolvers<ContextType>;
  PaymentEdge?: PaymentEdgeResolvers<ContextType>;
  Post?: PostResolvers<ContextType>;
  PriceListEntry?: PriceListEntryResolvers<ContextType>;
  Query?: QueryResolvers<ContextType>;
  Refund?: RefundResolvers<ContextType>;
  Subscription?: SubscriptionResolvers<ContextType>;
  Timestamped?: TimestampedResolvers<ContextType>;
  User?: UserResolvers<ContextType>;
};

export type DirectiveResolvers<ContextType = PaymentsContext> = {
  cacheControl?: CacheControlDirectiveResolver<any, any, ContextType>;
  rateLimit?: RateLimitDirectiveResolver<any, any, ContextType>;
};
