import type { GraphQLResolveInfo, GraphQLScalarType, GraphQLScalarTypeConfig } from 'graphql';
import type { PostRow, AnnouncementRow, MediaRow, ConversationRow, ParticipantRow, MessageRow, TypingEvent, CallRow, CallStepEvent, CallDescriptionEvent, CallCandidateEvent, BookmarkRow, UserReference, Reference } from '../rows';
import type { ContentContext } from '../context';
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

/** What the house tells everybody. */
export type Announcement = Node & Timestamped & {
  __typename?: 'Announcement';
  author: User;
  body: Scalars['String']['output'];
  createdAt: Scalars['DateTime']['output'];
  id: Scalars['ID']['output'];
  level: AnnouncementLevel;
  title: Scalars['String']['output'];
  updatedAt: Scalars['DateTime']['output'];
};

export type AnnouncementLevel =
  | 'CRITICAL'
  | 'INFO'
  | 'WARNING';

/** A post that a user saved for later. Only that user and an ADMIN see it. */
export type Bookmark = {
  __typename?: 'Bookmark';
  createdAt: Scalars['DateTime']['output'];
  note: Maybe<Scalars['String']['output']>;
  /** Null when the post went back to being a draft. */
  post: Maybe<Post>;
  postId: Scalars['ID']['output'];
  user: User;
  userId: Scalars['ID']['output'];
};

export type BookmarkConnection = {
  __typename?: 'BookmarkConnection';
  edges: Array<BookmarkEdge>;
  nodes: Array<Bookmark>;
  pageInfo: PageInfo;
};

export type BookmarkEdge = {
  __typename?: 'BookmarkEdge';
  cursor: Scalars['String']['output'];
  node: Bookmark;
};

export type CacheControlScope =
  | 'PRIVATE'
  | 'PUBLIC';

/** A call between two participants of a conversation. For these two: this subgraph carries signals, never sound or pictures. */
export type Call = {
  __typename?: 'Call';
  /** When the callee accepted or rejected. */
  answeredAt: Maybe<Scalars['DateTime']['output']>;
  callee: User;
  caller: User;
  conversation: Conversation;
  createdAt: Scalars['DateTime']['output'];
  endedAt: Maybe<Scalars['DateTime']['output']>;
  id: Scalars['ID']['output'];
  media: CallMedia;
  /** When a call that rings is missed. */
  ringsUntil: Scalars['DateTime']['output'];
  status: CallStatus;
};

/** For both. */
export type CallAccepted = CallSignal & {
  __typename?: 'CallAccepted';
  call: Call;
  from: User;
};

/** For the other one. */
export type CallAnswer = CallSignal & {
  __typename?: 'CallAnswer';
  call: Call;
  from: User;
  sdp: Scalars['String']['output'];
};

/** For both. */
export type CallEnded = CallSignal & {
  __typename?: 'CallEnded';
  call: Call;
  from: User;
};

/** For the other one. As `RTCIceCandidateInit`. */
export type CallIceCandidate = CallSignal & {
  __typename?: 'CallIceCandidate';
  call: Call;
  candidate: Scalars['String']['output'];
  from: User;
  sdpMLineIndex: Maybe<Scalars['Int']['output']>;
  sdpMid: Maybe<Scalars['String']['output']>;
  usernameFragment: Maybe<Scalars['String']['output']>;
};

/** For the callee. */
export type CallIncoming = CallSignal & {
  __typename?: 'CallIncoming';
  call: Call;
  from: User;
};

export type CallInitiateInput = {
  /** Another participant. */
  calleeId: Scalars['ID']['input'];
  conversationId: Scalars['ID']['input'];
  media: CallMedia;
};

export type CallMedia =
  | 'AUDIO'
  | 'VIDEO';

/** For the other one. */
export type CallOffer = CallSignal & {
  __typename?: 'CallOffer';
  call: Call;
  from: User;
  sdp: Scalars['String']['output'];
};

/** For both. */
export type CallRejected = CallSignal & {
  __typename?: 'CallRejected';
  call: Call;
  from: User;
};

/** What happened in a call: `from` did it. */
export type CallSignal = {
  /** As it was then. */
  call: Call;
  from: User;
};

export type CallStatus =
  | 'ACCEPTED'
  | 'ENDED'
  /** Nobody answered within a minute. */
  | 'MISSED'
  | 'REJECTED'
  | 'RINGING';

/** Messages between 2 to 20 users, whom alone it is shown to. */
export type Conversation = Node & Timestamped & {
  __typename?: 'Conversation';
  createdAt: Scalars['DateTime']['output'];
  id: Scalars['ID']['output'];
  lastMessage: Maybe<Message>;
  /** Newest first. */
  messages: MessageConnection;
  participants: Array<Participant>;
  title: Scalars['String']['output'];
  /** Null too when it is a payment or a draft that the caller may not read. */
  topic: Maybe<Topic>;
  /** Moves with every message. */
  updatedAt: Scalars['DateTime']['output'];
};


/** Messages between 2 to 20 users, whom alone it is shown to. */
export type ConversationMessagesArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  first?: InputMaybe<Scalars['Int']['input']>;
};

export type ConversationConnection = {
  __typename?: 'ConversationConnection';
  edges: Array<ConversationEdge>;
  nodes: Array<Conversation>;
  pageInfo: PageInfo;
};

export type ConversationEdge = {
  __typename?: 'ConversationEdge';
  cursor: Scalars['String']['output'];
  node: Conversation;
};

export type CreateAnnouncementInput = {
  /** 1 to 5,000 characters. */
  body: Scalars['String']['input'];
  level?: AnnouncementLevel;
  /** 1 to 200 characters. */
  title: Scalars['String']['input'];
};

export type CreatePostInput = {
  /** 1 to 20,000 characters. */
  body: Scalars['String']['input'];
  /** 0 to 90. */
  discountPercent?: Scalars['Int']['input'];
  /** At most 10 media items, in the order of showing. */
  mediaIds?: Array<Scalars['ID']['input']>;
  status?: PostStatus;
  /** At most 10, each of 1 to 40 characters: lower-case letters, digits and hyphens. */
  tags?: Array<Scalars['String']['input']>;
  /** 1 to 200 characters. */
  title: Scalars['String']['input'];
};

/** What is left of a deleted message. */
export type DeletedMessage = {
  __typename?: 'DeletedMessage';
  conversation: Conversation;
  id: Scalars['ID']['output'];
  sender: User;
};

export type FeedConnection = {
  __typename?: 'FeedConnection';
  edges: Array<FeedEdge>;
  nodes: Array<FeedItem>;
  pageInfo: PageInfo;
};

export type FeedEdge = {
  __typename?: 'FeedEdge';
  cursor: Scalars['String']['output'];
  node: FeedItem;
};

/** What the feed holds. */
export type FeedItem = Announcement | Podcast | Post | Video;

/** As `RTCIceCandidateInit`; texts of at most 2,000 characters. */
export type IceCandidateInput = {
  candidate: Scalars['String']['input'];
  sdpMLineIndex?: InputMaybe<Scalars['Int']['input']>;
  sdpMid?: InputMaybe<Scalars['String']['input']>;
  usernameFragment?: InputMaybe<Scalars['String']['input']>;
};

/** Something to watch or to listen to. */
export type Media = {
  creator: User;
  durationSeconds: Scalars['Int']['output'];
  id: Scalars['ID']['output'];
  publishedAt: Scalars['DateTime']['output'];
  title: Scalars['String']['output'];
  url: Scalars['String']['output'];
};

export type Message = Node & Timestamped & {
  __typename?: 'Message';
  body: Scalars['String']['output'];
  conversation: Conversation;
  createdAt: Scalars['DateTime']['output'];
  edited: Scalars['Boolean']['output'];
  id: Scalars['ID']['output'];
  sender: User;
  updatedAt: Scalars['DateTime']['output'];
};

export type MessageConnection = {
  __typename?: 'MessageConnection';
  edges: Array<MessageEdge>;
  nodes: Array<Message>;
  pageInfo: PageInfo;
};

export type MessageEdge = {
  __typename?: 'MessageEdge';
  cursor: Scalars['String']['output'];
  node: Message;
};

export type Mutation = {
  __typename?: 'Mutation';
  /** Saves a post for later, or changes the note of a saved one. */
  bookmarkPost: Bookmark;
  /** Takes a call that rings. For the callee. */
  callAccept: Call;
  /** Answers the offer of the other one. */
  callAnswer: Call;
  /** Ends a call: one that was accepted for both, one that rings for the caller. */
  callEnd: Call;
  /** Sends an ICE candidate to the other one; an empty `candidate` is the last. */
  callIceCandidate: Call;
  /**
   * Rings another participant of a conversation, for a minute. Refused with CONFLICT, and the `callId` in its extensions,
   * while the two have a call there.
   */
  callInitiate: Call;
  /** Sends a description (SDP, at most 64 kB) to the other one, who answers before there may be another offer. */
  callOffer: Call;
  /** Refuses a call that rings. For the callee. */
  callReject: Call;
  /** Tells everybody something. For an ADMIN. */
  createAnnouncement: Announcement;
  /** Writes a post as the caller. */
  createPost: Post;
  /** Deletes an announcement and answers its id. For an ADMIN. */
  deleteAnnouncement: Scalars['ID']['output'];
  /** Deletes a message and answers its id. For its sender. */
  deleteMessage: Scalars['ID']['output'];
  /** Deletes a post with its bookmarks and answers its id. For the author and for an ADMIN. */
  deletePost: Scalars['ID']['output'];
  /** Changes a message. For its sender. */
  editMessage: Message;
  /** Answers whether there was such a bookmark. */
  removeBookmark: Scalars['Boolean']['output'];
  /** Says something in a conversation that the caller takes part in. */
  sendMessage: Message;
  /** Begins a conversation of the caller with 1 to 19 other users. */
  startConversation: Conversation;
  /**
   * Tells the other participants that the caller is writing. Said again every few seconds while it lasts: what is not
   * repeated within ten seconds has ended. Answers when.
   */
  startTyping: Scalars['DateTime']['output'];
  /** Tells the other participants that the caller stopped writing. */
  stopTyping: Scalars['Boolean']['output'];
  /** Changes what the input names, and nothing else. For the author and for an ADMIN. */
  updatePost: Post;
};


export type MutationBookmarkPostArgs = {
  note?: InputMaybe<Scalars['String']['input']>;
  postId: Scalars['ID']['input'];
};


export type MutationCallAcceptArgs = {
  id: Scalars['ID']['input'];
};


export type MutationCallAnswerArgs = {
  id: Scalars['ID']['input'];
  sdp: Scalars['String']['input'];
};


export type MutationCallEndArgs = {
  id: Scalars['ID']['input'];
};


export type MutationCallIceCandidateArgs = {
  id: Scalars['ID']['input'];
  input: IceCandidateInput;
};


export type MutationCallInitiateArgs = {
  input: CallInitiateInput;
};


export type MutationCallOfferArgs = {
  id: Scalars['ID']['input'];
  sdp: Scalars['String']['input'];
};


export type MutationCallRejectArgs = {
  id: Scalars['ID']['input'];
};


export type MutationCreateAnnouncementArgs = {
  input: CreateAnnouncementInput;
};


export type MutationCreatePostArgs = {
  input: CreatePostInput;
};


export type MutationDeleteAnnouncementArgs = {
  id: Scalars['ID']['input'];
};


export type MutationDeleteMessageArgs = {
  id: Scalars['ID']['input'];
};


export type MutationDeletePostArgs = {
  id: Scalars['ID']['input'];
};


export type MutationEditMessageArgs = {
  body: Scalars['String']['input'];
  id: Scalars['ID']['input'];
};


export type MutationRemoveBookmarkArgs = {
  postId: Scalars['ID']['input'];
};


export type MutationSendMessageArgs = {
  body: Scalars['String']['input'];
  conversationId: Scalars['ID']['input'];
};


export type MutationStartConversationArgs = {
  input: StartConversationInput;
};


export type MutationStartTypingArgs = {
  conversationId: Scalars['ID']['input'];
};


export type MutationStopTypingArgs = {
  conversationId: Scalars['ID']['input'];
};


export type MutationUpdatePostArgs = {
  id: Scalars['ID']['input'];
  input: UpdatePostInput;
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

/** One user in one conversation. */
export type Participant = {
  __typename?: 'Participant';
  conversation: Conversation;
  joinedAt: Scalars['DateTime']['output'];
  messageCount: Scalars['Int']['output'];
  /** Null when there is no such user. */
  user: Maybe<User>;
};

export type Payment = {
  __typename?: 'Payment';
  id: Scalars['ID']['output'];
};

export type Podcast = Media & Node & Timestamped & {
  __typename?: 'Podcast';
  createdAt: Scalars['DateTime']['output'];
  creator: User;
  durationSeconds: Scalars['Int']['output'];
  episode: Scalars['Int']['output'];
  id: Scalars['ID']['output'];
  publishedAt: Scalars['DateTime']['output'];
  title: Scalars['String']['output'];
  updatedAt: Scalars['DateTime']['output'];
  url: Scalars['String']['output'];
};

/** A text by one author, free to read. Payments sells printed copies of it. */
export type Post = Node & Timestamped & {
  __typename?: 'Post';
  /** Shareable, for payments knows the seller of a post without asking here. */
  author: User;
  body: Scalars['String']['output'];
  createdAt: Scalars['DateTime']['output'];
  /** What payments takes off the price of a copy, 0 to 90. */
  discountPercent: Scalars['Int']['output'];
  /** The beginning of the body, cut at a word, at most `length` characters (10 to 1000). */
  excerpt: Scalars['String']['output'];
  id: Scalars['ID']['output'];
  /** What goes with the post, at most 10, in the author's order. */
  media: Array<Media>;
  /** Null for a draft. */
  publishedAt: Maybe<Scalars['DateTime']['output']>;
  purchaseCount: Scalars['Int']['output'];
  /** The name in the post's address: made of the title once, never changed, never used twice. */
  slug: Scalars['String']['output'];
  status: PostStatus;
  tags: Array<Scalars['String']['output']>;
  taxClass: TaxClass;
  title: Scalars['String']['output'];
  updatedAt: Scalars['DateTime']['output'];
};


/** A text by one author, free to read. Payments sells printed copies of it. */
export type PostExcerptArgs = {
  length?: Scalars['Int']['input'];
};

export type PostConnection = {
  __typename?: 'PostConnection';
  edges: Array<PostEdge>;
  nodes: Array<Post>;
  pageInfo: PageInfo;
};

export type PostEdge = {
  __typename?: 'PostEdge';
  cursor: Scalars['String']['output'];
  node: Post;
};

export type PostStatus =
  | 'DRAFT'
  | 'PUBLISHED';

export type Query = {
  __typename?: 'Query';
  /** A call that the caller takes part in. */
  call: Maybe<Call>;
  /** A conversation that the caller takes part in. For everybody else, as for an unknown id, it is null. */
  conversation: Maybe<Conversation>;
  /** The conversations the caller takes part in, the latest first. */
  conversations: ConversationConnection;
  /** Everything published, newest first. */
  feed: FeedConnection;
  /** One video, podcast or whatever else is published as media. */
  media: Maybe<Media>;
  /** Anything that content keeps, by its id, if the caller may read it. */
  node: Maybe<Node>;
  /** One post by its id. A draft is there for its author and for an ADMIN only. */
  post: Maybe<Post>;
  /** One post by the name in its address. */
  postBySlug: Maybe<Post>;
  /** Full-text search over posts, announcements and media, best match first. Understands "quoted phrases", or and -without. */
  search: Array<SearchResult>;
};


export type QueryCallArgs = {
  id: Scalars['ID']['input'];
};


export type QueryConversationArgs = {
  id: Scalars['ID']['input'];
};


export type QueryConversationsArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  first?: InputMaybe<Scalars['Int']['input']>;
};


export type QueryFeedArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  first?: InputMaybe<Scalars['Int']['input']>;
};


export type QueryMediaArgs = {
  id: Scalars['ID']['input'];
};


export type QueryNodeArgs = {
  id: Scalars['ID']['input'];
};


export type QueryPostArgs = {
  id: Scalars['ID']['input'];
};


export type QueryPostBySlugArgs = {
  slug: Scalars['String']['input'];
};


export type QuerySearchArgs = {
  first?: InputMaybe<Scalars['Int']['input']>;
  text: Scalars['String']['input'];
};

/** What the search finds. */
export type SearchResult = Announcement | Podcast | Post | Video;

/** At most one of `postId` and `paymentId`. */
export type StartConversationInput = {
  /** The first message, 1 to 5,000 characters. */
  message: Scalars['String']['input'];
  /** 1 to 19 users other than the caller. */
  participantIds: Array<Scalars['ID']['input']>;
  paymentId?: InputMaybe<Scalars['ID']['input']>;
  postId?: InputMaybe<Scalars['ID']['input']>;
  /** 1 to 200 characters. */
  title: Scalars['String']['input'];
};

export type Subscription = {
  __typename?: 'Subscription';
  /** Everything that others do in calls with the caller, and the caller's own steps, for other devices. */
  callSignal: CallSignal;
  /**
   * What is said in a conversation, from now on. For participants, as all subscriptions of conversations are; for
   * everybody else there is no such conversation.
   */
  messageAdded: Message;
  /** Messages of a conversation that their senders deleted. */
  messageDeleted: DeletedMessage;
  /** Messages of a conversation that their senders changed. */
  messageUpdated: Message;
  /** Posts, when they are published for the first time; with `tag` those that have it. */
  postPublished: Post;
  /** Who of the others is writing in a conversation. */
  typing: Typing;
};


export type SubscriptionMessageAddedArgs = {
  conversationId: Scalars['ID']['input'];
};


export type SubscriptionMessageDeletedArgs = {
  conversationId: Scalars['ID']['input'];
};


export type SubscriptionMessageUpdatedArgs = {
  conversationId: Scalars['ID']['input'];
};


export type SubscriptionPostPublishedArgs = {
  tag?: InputMaybe<Scalars['String']['input']>;
};


export type SubscriptionTypingArgs = {
  conversationId: Scalars['ID']['input'];
};

/** Decides the rate of the value-added tax: editorial work is reduced. Payments needs it, clients do not. */
export type TaxClass =
  | 'EDITORIAL'
  | 'STANDARD';

/** What knows when it was made and when it last changed. */
export type Timestamped = {
  createdAt: Scalars['DateTime']['output'];
  updatedAt: Scalars['DateTime']['output'];
};

/** What a conversation is about: a post, or a payment that payments owns. */
export type Topic = Payment | Post;

/** That somebody is writing, or no longer. */
export type Typing = {
  __typename?: 'Typing';
  conversation: Conversation;
  /** When it has ended unless it is told again; null when the user stopped. */
  until: Maybe<Scalars['DateTime']['output']>;
  user: User;
};

/** What is left out, or null, stays as it is. Bounds as in CreatePostInput. */
export type UpdatePostInput = {
  body?: InputMaybe<Scalars['String']['input']>;
  discountPercent?: InputMaybe<Scalars['Int']['input']>;
  mediaIds?: InputMaybe<Array<Scalars['ID']['input']>>;
  status?: InputMaybe<PostStatus>;
  tags?: InputMaybe<Array<Scalars['String']['input']>>;
  title?: InputMaybe<Scalars['String']['input']>;
};

export type User = {
  __typename?: 'User';
  /** What the user saved, the latest first. For the user and for an ADMIN. */
  bookmarks: Maybe<BookmarkConnection>;
  /** How the user is named under a post: "Ada Lovelace, staff". */
  byline: Scalars['String']['output'];
  displayName: Scalars['String']['output'];
  id: Scalars['ID']['output'];
  isStaff: Scalars['Boolean']['output'];
  /** Published posts. */
  postCount: Scalars['Int']['output'];
  /** What the user wrote, newest first: drafts too for the user and for an ADMIN. */
  posts: PostConnection;
};


export type UserBookmarksArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  first?: InputMaybe<Scalars['Int']['input']>;
};


export type UserPostsArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  first?: InputMaybe<Scalars['Int']['input']>;
};

export type Video = Media & Node & Timestamped & {
  __typename?: 'Video';
  createdAt: Scalars['DateTime']['output'];
  creator: User;
  durationSeconds: Scalars['Int']['output'];
  /** Lines of the picture, such as 1080. */
  height: Scalars['Int']['output'];
  id: Scalars['ID']['output'];
  publishedAt: Scalars['DateTime']['output'];
  title: Scalars['String']['output'];
  updatedAt: Scalars['DateTime']['output'];
  url: Scalars['String']['output'];
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
  Announcement: Announcement;
  Bookmark: Bookmark;
  Conversation: Conversation;
  Media: Media;
  Message: Message;
  Participant: Participant;
  Podcast: Podcast;
  Post: Post;
  User: User;
  Video: Video;
};

/** Mapping of federation reference types */
export type FederationReferenceTypes = {
  Announcement:
    ( { __typename: 'Announcement' }
    & GraphQLRecursivePick<FederationTypes['Announcement'], {"id":true}> );
  Bookmark:
    ( { __typename: 'Bookmark' }
    & GraphQLRecursivePick<FederationTypes['Bookmark'], {"userId":true,"postId":true}> );
  Conversation:
    ( { __typename: 'Conversation' }
    & GraphQLRecursivePick<FederationTypes['Conversation'], {"id":true}> );
  Media:
    ( { __typename: 'Media' }
    & GraphQLRecursivePick<FederationTypes['Media'], {"id":true}> );
  Message:
    ( { __typename: 'Message' }
    & GraphQLRecursivePick<FederationTypes['Message'], {"id":true}> );
  Participant:
    ( { __typename: 'Participant' }
    & GraphQLRecursivePick<FederationTypes['Participant'], {"conversation":{"id":true},"user":{"id":true}}> );
  Podcast:
    ( { __typename: 'Podcast' }
    & GraphQLRecursivePick<FederationTypes['Podcast'], {"id":true}> );
  Post:
    ( { __typename: 'Post' }
    & ( GraphQLRecursivePick<FederationTypes['Post'], {"id":true}>
        | GraphQLRecursivePick<FederationTypes['Post'], {"slug":true}> ) );
  User:
    ( { __typename: 'User' }
    & GraphQLRecursivePick<FederationTypes['User'], {"id":true}>
    & ( Record<PropertyKey, never>
        | GraphQLRecursivePick<FederationTypes['User'], {"displayName":true,"isStaff":true}> ) );
  Video:
    ( { __typename: 'Video' }
    & GraphQLRecursivePick<FederationTypes['Video'], {"id":true}> );
};

/** Mapping of union types */
export type ResolversUnionTypes<_RefType extends Record<string, unknown>> = {
  FeedItem:
    | ( AnnouncementRow )
    | ( MediaRow )
    | ( PostRow )
    | ( MediaRow )
  ;
  SearchResult:
    | ( AnnouncementRow )
    | ( MediaRow )
    | ( PostRow )
    | ( MediaRow )
  ;
  Topic:
    | ( Reference )
    | ( PostRow )
  ;
};

/** Mapping of interface types */
export type ResolversInterfaceTypes<_RefType extends Record<string, unknown>> = {
  CallSignal:
    | ( CallStepEvent )
    | ( CallDescriptionEvent )
    | ( CallStepEvent )
    | ( CallCandidateEvent )
    | ( CallStepEvent )
    | ( CallDescriptionEvent )
    | ( CallStepEvent )
  ;
  Media:
    | ( MediaRow )
    | ( MediaRow )
  ;
  Node:
    | ( AnnouncementRow )
    | ( ConversationRow )
    | ( MessageRow )
    | ( MediaRow )
    | ( PostRow )
    | ( MediaRow )
  ;
  Timestamped:
    | ( AnnouncementRow )
    | ( ConversationRow )
    | ( MessageRow )
    | ( MediaRow )
    | ( PostRow )
    | ( MediaRow )
  ;
};

/** Mapping between all available schema types and the resolvers types */
export type ResolversTypes = {
  Announcement: ResolverTypeWrapper<AnnouncementRow>;
  ID: ResolverTypeWrapper<Scalars['ID']['output']>;
  AnnouncementLevel: AnnouncementLevel;
  Bookmark: ResolverTypeWrapper<BookmarkRow>;
  BookmarkConnection: ResolverTypeWrapper<Omit<BookmarkConnection, 'edges' | 'nodes'> & { edges: Array<ResolversTypes['BookmarkEdge']>, nodes: Array<ResolversTypes['Bookmark']> }>;
  BookmarkEdge: ResolverTypeWrapper<Omit<BookmarkEdge, 'node'> & { node: ResolversTypes['Bookmark'] }>;
  CacheControlScope: CacheControlScope;
  Call: ResolverTypeWrapper<CallRow>;
  CallAccepted: ResolverTypeWrapper<CallStepEvent>;
  CallAnswer: ResolverTypeWrapper<CallDescriptionEvent>;
  CallEnded: ResolverTypeWrapper<CallStepEvent>;
  CallIceCandidate: ResolverTypeWrapper<CallCandidateEvent>;
  CallIncoming: ResolverTypeWrapper<CallStepEvent>;
  CallInitiateInput: CallInitiateInput;
  CallMedia: CallMedia;
  CallOffer: ResolverTypeWrapper<CallDescriptionEvent>;
  CallRejected: ResolverTypeWrapper<CallStepEvent>;
  CallSignal: ResolverTypeWrapper<ResolversInterfaceTypes<ResolversTypes>['CallSignal']>;
  CallStatus: CallStatus;
  Conversation: ResolverTypeWrapper<ConversationRow>;
  ConversationConnection: ResolverTypeWrapper<Omit<ConversationConnection, 'edges' | 'nodes'> & { edges: Array<ResolversTypes['ConversationEdge']>, nodes: Array<ResolversTypes['Conversation']> }>;
  ConversationEdge: ResolverTypeWrapper<Omit<ConversationEdge, 'node'> & { node: ResolversTypes['Conversation'] }>;
  CreateAnnouncementInput: CreateAnnouncementInput;
  CreatePostInput: CreatePostInput;
  DateTime: ResolverTypeWrapper<Scalars['DateTime']['output']>;
  DeletedMessage: ResolverTypeWrapper<MessageRow>;
  FeedConnection: ResolverTypeWrapper<Omit<FeedConnection, 'edges' | 'nodes'> & { edges: Array<ResolversTypes['FeedEdge']>, nodes: Array<ResolversTypes['FeedItem']> }>;
  FeedEdge: ResolverTypeWrapper<Omit<FeedEdge, 'node'> & { node: ResolversTypes['FeedItem'] }>;
  FeedItem: ResolverTypeWrapper<ResolversUnionTypes<ResolversTypes>['FeedItem']>;
  IceCandidateInput: IceCandidateInput;
  Media: ResolverTypeWrapper<MediaRow>;
  Message: ResolverTypeWrapper<MessageRow>;
  MessageConnection: ResolverTypeWrapper<Omit<MessageConnection, 'edges' | 'nodes'> & { edges: Array<ResolversTypes['MessageEdge']>, nodes: Array<ResolversTypes['Message']> }>;
  MessageEdge: ResolverTypeWrapper<Omit<MessageEdge, 'node'> & { node: ResolversTypes['Message'] }>;
  Mutation: ResolverTypeWrapper<Record<PropertyKey, never>>;
  Node: ResolverTypeWrapper<ResolversInterfaceTypes<ResolversTypes>['Node']>;
  PageInfo: ResolverTypeWrapper<PageInfo>;
  Participant: ResolverTypeWrapper<ParticipantRow>;
  Payment: ResolverTypeWrapper<Reference>;
  Podcast: ResolverTypeWrapper<MediaRow>;
  Post: ResolverTypeWrapper<PostRow>;
  PostConnection: ResolverTypeWrapper<Omit<PostConnection, 'edges' | 'nodes'> & { edges: Array<ResolversTypes['PostEdge']>, nodes: Array<ResolversTypes['Post']> }>;
  PostEdge: ResolverTypeWrapper<Omit<PostEdge, 'node'> & { node: ResolversTypes['Post'] }>;
  PostStatus: PostStatus;
  Query: ResolverTypeWrapper<Record<PropertyKey, never>>;
  SearchResult: ResolverTypeWrapper<ResolversUnionTypes<ResolversTypes>['SearchResult']>;
  StartConversationInput: StartConversationInput;
  Subscription: ResolverTypeWrapper<Record<PropertyKey, never>>;
  TaxClass: TaxClass;
  Timestamped: ResolverTypeWrapper<ResolversInterfaceTypes<ResolversTypes>['Timestamped']>;
  Topic: ResolverTypeWrapper<ResolversUnionTypes<ResolversTypes>['Topic']>;
  Typing: ResolverTypeWrapper<TypingEvent>;
  UpdatePostInput: UpdatePostInput;
  User: ResolverTypeWrapper<UserReference>;
  Video: ResolverTypeWrapper<MediaRow>;
  Boolean: ResolverTypeWrapper<Scalars['Boolean']['output']>;
  Int: ResolverTypeWrapper<Scalars['Int']['output']>;
  String: ResolverTypeWrapper<Scalars['String']['output']>;
};

/** Mapping between all available schema types and the resolvers parents */
export type ResolversParentTypes = {
  Announcement: AnnouncementRow;
  ID: Scalars['ID']['output'];
  Bookmark: BookmarkRow;
  BookmarkConnection: Omit<BookmarkConnection, 'edges' | 'nodes'> & { edges: Array<ResolversParentTypes['BookmarkEdge']>, nodes: Array<ResolversParentTypes['Bookmark']> };
  BookmarkEdge: Omit<BookmarkEdge, 'node'> & { node: ResolversParentTypes['Bookmark'] };
  Call: CallRow;
  CallAccepted: CallStepEvent;
  CallAnswer: CallDescriptionEvent;
  CallEnded: CallStepEvent;
  CallIceCandidate: CallCandidateEvent;
  CallIncoming: CallStepEvent;
  CallInitiateInput: CallInitiateInput;
  CallOffer: CallDescriptionEvent;
  CallRejected: CallStepEvent;
  CallSignal: ResolversInterfaceTypes<ResolversParentTypes>['CallSignal'];
  Conversation: ConversationRow;
  ConversationConnection: Omit<ConversationConnection, 'edges' | 'nodes'> & { edges: Array<ResolversParentTypes['ConversationEdge']>, nodes: Array<ResolversParentTypes['Conversation']> };
  ConversationEdge: Omit<ConversationEdge, 'node'> & { node: ResolversParentTypes['Conversation'] };
  CreateAnnouncementInput: CreateAnnouncementInput;
  CreatePostInput: CreatePostInput;
  DateTime: Scalars['DateTime']['output'];
  DeletedMessage: MessageRow;
  FeedConnection: Omit<FeedConnection, 'edges' | 'nodes'> & { edges: Array<ResolversParentTypes['FeedEdge']>, nodes: Array<ResolversParentTypes['FeedItem']> };
  FeedEdge: Omit<FeedEdge, 'node'> & { node: ResolversParentTypes['FeedItem'] };
  FeedItem: ResolversUnionTypes<ResolversParentTypes>['FeedItem'];
  IceCandidateInput: IceCandidateInput;
  Media: MediaRow;
  Message: MessageRow;
  MessageConnection: Omit<MessageConnection, 'edges' | 'nodes'> & { edges: Array<ResolversParentTypes['MessageEdge']>, nodes: Array<ResolversParentTypes['Message']> };
  MessageEdge: Omit<MessageEdge, 'node'> & { node: ResolversParentTypes['Message'] };
  Mutation: Record<PropertyKey, never>;
  Node: ResolversInterfaceTypes<ResolversParentTypes>['Node'];
  PageInfo: PageInfo;
  Participant: ParticipantRow;
  Payment: Reference;
  Podcast: MediaRow;
  Post: PostRow;
  PostConnection: Omit<PostConnection, 'edges' | 'nodes'> & { edges: Array<ResolversParentTypes['PostEdge']>, nodes: Array<ResolversParentTypes['Post']> };
  PostEdge: Omit<PostEdge, 'node'> & { node: ResolversParentTypes['Post'] };
  Query: Record<PropertyKey, never>;
  SearchResult: ResolversUnionTypes<ResolversParentTypes>['SearchResult'];
  StartConversationInput: StartConversationInput;
  Subscription: Record<PropertyKey, never>;
  Timestamped: ResolversInterfaceTypes<ResolversParentTypes>['Timestamped'];
  Topic: ResolversUnionTypes<ResolversParentTypes>['Topic'];
  Typing: TypingEvent;
  UpdatePostInput: UpdatePostInput;
  User: UserReference;
  Video: MediaRow;
  Boolean: Scalars['Boolean']['output'];
  Int: Scalars['Int']['output'];
  String: Scalars['String']['output'];
};

export type CacheControlDirectiveArgs = {
  inheritMaxAge?: Maybe<Scalars['Boolean']['input']>;
  maxAge?: Maybe<Scalars['Int']['input']>;
  scope?: Maybe<CacheControlScope>;
};

export type CacheControlDirectiveResolver<Result, Parent, ContextType = ContentContext, Args = CacheControlDirectiveArgs> = DirectiveResolverFn<Result, Parent, ContextType, Args>;

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

export type RateLimitDirectiveResolver<Result, Parent, ContextType = ContentContext, Args = RateLimitDirectiveArgs> = DirectiveResolverFn<Result, Parent, ContextType, Args>;

export type AnnouncementResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['Announcement'] = ResolversParentTypes['Announcement'], FederationReferenceType extends FederationReferenceTypes['Announcement'] = FederationReferenceTypes['Announcement']> = {
  __resolveReference?: ReferenceResolver<Maybe<ResolversTypes['Announcement']> | FederationReferenceType, FederationReferenceType, ContextType>;
  author?: Resolver<ResolversTypes['User'], ParentType, ContextType>;
  body?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  createdAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  level?: Resolver<ResolversTypes['AnnouncementLevel'], ParentType, ContextType>;
  title?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  updatedAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type BookmarkResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['Bookmark'] = ResolversParentTypes['Bookmark'], FederationReferenceType extends FederationReferenceTypes['Bookmark'] = FederationReferenceTypes['Bookmark']> = {
  __resolveReference?: ReferenceResolver<Maybe<ResolversTypes['Bookmark']> | FederationReferenceType, FederationReferenceType, ContextType>;
  createdAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  note?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  post?: Resolver<Maybe<ResolversTypes['Post']>, ParentType, ContextType>;
  postId?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  user?: Resolver<ResolversTypes['User'], ParentType, ContextType>;
  userId?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
};

export type BookmarkConnectionResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['BookmarkConnection'] = ResolversParentTypes['BookmarkConnection']> = {
  edges?: Resolver<Array<ResolversTypes['BookmarkEdge']>, ParentType, ContextType>;
  nodes?: Resolver<Array<ResolversTypes['Bookmark']>, ParentType, ContextType>;
  pageInfo?: Resolver<ResolversTypes['PageInfo'], ParentType, ContextType>;
};

export type BookmarkEdgeResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['BookmarkEdge'] = ResolversParentTypes['BookmarkEdge']> = {
  cursor?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  node?: Resolver<ResolversTypes['Bookmark'], ParentType, ContextType>;
};

export type CallResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['Call'] = ResolversParentTypes['Call']> = {
  answeredAt?: Resolver<Maybe<ResolversTypes['DateTime']>, ParentType, ContextType>;
  callee?: Resolver<ResolversTypes['User'], ParentType, ContextType>;
  caller?: Resolver<ResolversTypes['User'], ParentType, ContextType>;
  conversation?: Resolver<ResolversTypes['Conversation'], ParentType, ContextType>;
  createdAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  endedAt?: Resolver<Maybe<ResolversTypes['DateTime']>, ParentType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  media?: Resolver<ResolversTypes['CallMedia'], ParentType, ContextType>;
  ringsUntil?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  status?: Resolver<ResolversTypes['CallStatus'], ParentType, ContextType>;
};

export type CallAcceptedResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['CallAccepted'] = ResolversParentTypes['CallAccepted']> = {
  call?: Resolver<ResolversTypes['Call'], ParentType, ContextType>;
  from?: Resolver<ResolversTypes['User'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type CallAnswerResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['CallAnswer'] = ResolversParentTypes['CallAnswer']> = {
  call?: Resolver<ResolversTypes['Call'], ParentType, ContextType>;
  from?: Resolver<ResolversTypes['User'], ParentType, ContextType>;
  sdp?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type CallEndedResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['CallEnded'] = ResolversParentTypes['CallEnded']> = {
  call?: Resolver<ResolversTypes['Call'], ParentType, ContextType>;
  from?: Resolver<ResolversTypes['User'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type CallIceCandidateResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['CallIceCandidate'] = ResolversParentTypes['CallIceCandidate']> = {
  call?: Resolver<ResolversTypes['Call'], ParentType, ContextType>;
  candidate?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  from?: Resolver<ResolversTypes['User'], ParentType, ContextType>;
  sdpMLineIndex?: Resolver<Maybe<ResolversTypes['Int']>, ParentType, ContextType>;
  sdpMid?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  usernameFragment?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type CallIncomingResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['CallIncoming'] = ResolversParentTypes['CallIncoming']> = {
  call?: Resolver<ResolversTypes['Call'], ParentType, ContextType>;
  from?: Resolver<ResolversTypes['User'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type CallOfferResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['CallOffer'] = ResolversParentTypes['CallOffer']> = {
  call?: Resolver<ResolversTypes['Call'], ParentType, ContextType>;
  from?: Resolver<ResolversTypes['User'], ParentType, ContextType>;
  sdp?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type CallRejectedResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['CallRejected'] = ResolversParentTypes['CallRejected']> = {
  call?: Resolver<ResolversTypes['Call'], ParentType, ContextType>;
  from?: Resolver<ResolversTypes['User'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type CallSignalResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['CallSignal'] = ResolversParentTypes['CallSignal']> = {
  __resolveType: TypeResolveFn<'CallAccepted' | 'CallAnswer' | 'CallEnded' | 'CallIceCandidate' | 'CallIncoming' | 'CallOffer' | 'CallRejected', ParentType, ContextType>;
};

export type ConversationResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['Conversation'] = ResolversParentTypes['Conversation'], FederationReferenceType extends FederationReferenceTypes['Conversation'] = FederationReferenceTypes['Conversation']> = {
  __resolveReference?: ReferenceResolver<Maybe<ResolversTypes['Conversation']> | FederationReferenceType, FederationReferenceType, ContextType>;
  createdAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  lastMessage?: Resolver<Maybe<ResolversTypes['Message']>, ParentType, ContextType>;
  messages?: Resolver<ResolversTypes['MessageConnection'], ParentType, ContextType, RequireFields<ConversationMessagesArgs, 'first'>>;
  participants?: Resolver<Array<ResolversTypes['Participant']>, ParentType, ContextType>;
  title?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  topic?: Resolver<Maybe<ResolversTypes['Topic']>, ParentType, ContextType>;
  updatedAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type ConversationConnectionResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['ConversationConnection'] = ResolversParentTypes['ConversationConnection']> = {
  edges?: Resolver<Array<ResolversTypes['ConversationEdge']>, ParentType, ContextType>;
  nodes?: Resolver<Array<ResolversTypes['Conversation']>, ParentType, ContextType>;
  pageInfo?: Resolver<ResolversTypes['PageInfo'], ParentType, ContextType>;
};

export type ConversationEdgeResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['ConversationEdge'] = ResolversParentTypes['ConversationEdge']> = {
  cursor?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  node?: Resolver<ResolversTypes['Conversation'], ParentType, ContextType>;
};

export interface DateTimeScalarConfig extends GraphQLScalarTypeConfig<ResolversTypes['DateTime'], any> {
  name: 'DateTime';
}

export type DeletedMessageResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['DeletedMessage'] = ResolversParentTypes['DeletedMessage']> = {
  conversation?: Resolver<ResolversTypes['Conversation'], ParentType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  sender?: Resolver<ResolversTypes['User'], ParentType, ContextType>;
};

export type FeedConnectionResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['FeedConnection'] = ResolversParentTypes['FeedConnection']> = {
  edges?: Resolver<Array<ResolversTypes['FeedEdge']>, ParentType, ContextType>;
  nodes?: Resolver<Array<ResolversTypes['FeedItem']>, ParentType, ContextType>;
  pageInfo?: Resolver<ResolversTypes['PageInfo'], ParentType, ContextType>;
};

export type FeedEdgeResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['FeedEdge'] = ResolversParentTypes['FeedEdge']> = {
  cursor?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  node?: Resolver<ResolversTypes['FeedItem'], ParentType, ContextType>;
};

export type FeedItemResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['FeedItem'] = ResolversParentTypes['FeedItem']> = {
  __resolveType: TypeResolveFn<'Announcement' | 'Podcast' | 'Post' | 'Video', ParentType, ContextType>;
};

export type MediaResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['Media'] = ResolversParentTypes['Media'], FederationReferenceType extends FederationReferenceTypes['Media'] = FederationReferenceTypes['Media']> = {
  __resolveType: TypeResolveFn<'Podcast' | 'Video', ParentType, ContextType>;
  __resolveReference?: ReferenceResolver<Maybe<ResolversTypes['Media']> | FederationReferenceType, FederationReferenceType, ContextType>;
};

export type MessageResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['Message'] = ResolversParentTypes['Message'], FederationReferenceType extends FederationReferenceTypes['Message'] = FederationReferenceTypes['Message']> = {
  __resolveReference?: ReferenceResolver<Maybe<ResolversTypes['Message']> | FederationReferenceType, FederationReferenceType, ContextType>;
  body?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  conversation?: Resolver<ResolversTypes['Conversation'], ParentType, ContextType>;
  createdAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  edited?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  sender?: Resolver<ResolversTypes['User'], ParentType, ContextType>;
  updatedAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type MessageConnectionResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['MessageConnection'] = ResolversParentTypes['MessageConnection']> = {
  edges?: Resolver<Array<ResolversTypes['MessageEdge']>, ParentType, ContextType>;
  nodes?: Resolver<Array<ResolversTypes['Message']>, ParentType, ContextType>;
  pageInfo?: Resolver<ResolversTypes['PageInfo'], ParentType, ContextType>;
};

export type MessageEdgeResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['MessageEdge'] = ResolversParentTypes['MessageEdge']> = {
  cursor?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  node?: Resolver<ResolversTypes['Message'], ParentType, ContextType>;
};

export type MutationResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['Mutation'] = ResolversParentTypes['Mutation']> = {
  bookmarkPost?: Resolver<ResolversTypes['Bookmark'], ParentType, ContextType, RequireFields<MutationBookmarkPostArgs, 'postId'>>;
  callAccept?: Resolver<ResolversTypes['Call'], ParentType, ContextType, RequireFields<MutationCallAcceptArgs, 'id'>>;
  callAnswer?: Resolver<ResolversTypes['Call'], ParentType, ContextType, RequireFields<MutationCallAnswerArgs, 'id' | 'sdp'>>;
  callEnd?: Resolver<ResolversTypes['Call'], ParentType, ContextType, RequireFields<MutationCallEndArgs, 'id'>>;
  callIceCandidate?: Resolver<ResolversTypes['Call'], ParentType, ContextType, RequireFields<MutationCallIceCandidateArgs, 'id' | 'input'>>;
  callInitiate?: Resolver<ResolversTypes['Call'], ParentType, ContextType, RequireFields<MutationCallInitiateArgs, 'input'>>;
  callOffer?: Resolver<ResolversTypes['Call'], ParentType, ContextType, RequireFields<MutationCallOfferArgs, 'id' | 'sdp'>>;
  callReject?: Resolver<ResolversTypes['Call'], ParentType, ContextType, RequireFields<MutationCallRejectArgs, 'id'>>;
  createAnnouncement?: Resolver<ResolversTypes['Announcement'], ParentType, ContextType, RequireFields<MutationCreateAnnouncementArgs, 'input'>>;
  createPost?: Resolver<ResolversTypes['Post'], ParentType, ContextType, RequireFields<MutationCreatePostArgs, 'input'>>;
  deleteAnnouncement?: Resolver<ResolversTypes['ID'], ParentType, ContextType, RequireFields<MutationDeleteAnnouncementArgs, 'id'>>;
  deleteMessage?: Resolver<ResolversTypes['ID'], ParentType, ContextType, RequireFields<MutationDeleteMessageArgs, 'id'>>;
  deletePost?: Resolver<ResolversTypes['ID'], ParentType, ContextType, RequireFields<MutationDeletePostArgs, 'id'>>;
  editMessage?: Resolver<ResolversTypes['Message'], ParentType, ContextType, RequireFields<MutationEditMessageArgs, 'body' | 'id'>>;
  removeBookmark?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType, RequireFields<MutationRemoveBookmarkArgs, 'postId'>>;
  sendMessage?: Resolver<ResolversTypes['Message'], ParentType, ContextType, RequireFields<MutationSendMessageArgs, 'body' | 'conversationId'>>;
  startConversation?: Resolver<ResolversTypes['Conversation'], ParentType, ContextType, RequireFields<MutationStartConversationArgs, 'input'>>;
  startTyping?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType, RequireFields<MutationStartTypingArgs, 'conversationId'>>;
  stopTyping?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType, RequireFields<MutationStopTypingArgs, 'conversationId'>>;
  updatePost?: Resolver<ResolversTypes['Post'], ParentType, ContextType, RequireFields<MutationUpdatePostArgs, 'id' | 'input'>>;
};

export type NodeResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['Node'] = ResolversParentTypes['Node']> = {
  __resolveType: TypeResolveFn<'Announcement' | 'Conversation' | 'Message' | 'Podcast' | 'Post' | 'Video', ParentType, ContextType>;
};

export type PageInfoResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['PageInfo'] = ResolversParentTypes['PageInfo']> = {
  endCursor?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  hasNextPage?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  hasPreviousPage?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  startCursor?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
};

export type ParticipantResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['Participant'] = ResolversParentTypes['Participant'], FederationReferenceType extends FederationReferenceTypes['Participant'] = FederationReferenceTypes['Participant']> = {
  __resolveReference?: ReferenceResolver<Maybe<ResolversTypes['Participant']> | FederationReferenceType, FederationReferenceType, ContextType>;
  conversation?: Resolver<ResolversTypes['Conversation'], ParentType, ContextType>;
  joinedAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  messageCount?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  user?: Resolver<Maybe<ResolversTypes['User']>, ParentType, ContextType>;
};

export type PaymentResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['Payment'] = ResolversParentTypes['Payment']> = {
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type PodcastResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['Podcast'] = ResolversParentTypes['Podcast'], FederationReferenceType extends FederationReferenceTypes['Podcast'] = FederationReferenceTypes['Podcast']> = {
  __resolveReference?: ReferenceResolver<Maybe<ResolversTypes['Podcast']> | FederationReferenceType, FederationReferenceType, ContextType>;
  createdAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  creator?: Resolver<ResolversTypes['User'], ParentType, ContextType>;
  durationSeconds?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  episode?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  publishedAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  title?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  updatedAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  url?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type PostResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['Post'] = ResolversParentTypes['Post'], FederationReferenceType extends FederationReferenceTypes['Post'] = FederationReferenceTypes['Post']> = {
  __resolveReference?: ReferenceResolver<Maybe<ResolversTypes['Post']> | FederationReferenceType, FederationReferenceType, ContextType>;
  author?: Resolver<ResolversTypes['User'], ParentType, ContextType>;
  body?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  createdAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  discountPercent?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  excerpt?: Resolver<ResolversTypes['String'], ParentType, ContextType, RequireFields<PostExcerptArgs, 'length'>>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  media?: Resolver<Array<ResolversTypes['Media']>, ParentType, ContextType>;
  publishedAt?: Resolver<Maybe<ResolversTypes['DateTime']>, ParentType, ContextType>;
  purchaseCount?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  slug?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  status?: Resolver<ResolversTypes['PostStatus'], ParentType, ContextType>;
  tags?: Resolver<Array<ResolversTypes['String']>, ParentType, ContextType>;
  taxClass?: Resolver<ResolversTypes['TaxClass'], ParentType, ContextType>;
  title?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  updatedAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type PostConnectionResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['PostConnection'] = ResolversParentTypes['PostConnection']> = {
  edges?: Resolver<Array<ResolversTypes['PostEdge']>, ParentType, ContextType>;
  nodes?: Resolver<Array<ResolversTypes['Post']>, ParentType, ContextType>;
  pageInfo?: Resolver<ResolversTypes['PageInfo'], ParentType, ContextType>;
};

export type PostEdgeResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['PostEdge'] = ResolversParentTypes['PostEdge']> = {
  cursor?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  node?: Resolver<ResolversTypes['Post'], ParentType, ContextType>;
};

export type QueryResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['Query'] = ResolversParentTypes['Query']> = {
  call?: Resolver<Maybe<ResolversTypes['Call']>, ParentType, ContextType, RequireFields<QueryCallArgs, 'id'>>;
  conversation?: Resolver<Maybe<ResolversTypes['Conversation']>, ParentType, ContextType, RequireFields<QueryConversationArgs, 'id'>>;
  conversations?: Resolver<ResolversTypes['ConversationConnection'], ParentType, ContextType, RequireFields<QueryConversationsArgs, 'first'>>;
  feed?: Resolver<ResolversTypes['FeedConnection'], ParentType, ContextType, RequireFields<QueryFeedArgs, 'first'>>;
  media?: Resolver<Maybe<ResolversTypes['Media']>, ParentType, ContextType, RequireFields<QueryMediaArgs, 'id'>>;
  node?: Resolver<Maybe<ResolversTypes['Node']>, ParentType, ContextType, RequireFields<QueryNodeArgs, 'id'>>;
  post?: Resolver<Maybe<ResolversTypes['Post']>, ParentType, ContextType, RequireFields<QueryPostArgs, 'id'>>;
  postBySlug?: Resolver<Maybe<ResolversTypes['Post']>, ParentType, ContextType, RequireFields<QueryPostBySlugArgs, 'slug'>>;
  search?: Resolver<Array<ResolversTypes['SearchResult']>, ParentType, ContextType, RequireFields<QuerySearchArgs, 'first' | 'text'>>;
};

export type SearchResultResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['SearchResult'] = ResolversParentTypes['SearchResult']> = {
  __resolveType: TypeResolveFn<'Announcement' | 'Podcast' | 'Post' | 'Video', ParentType, ContextType>;
};

export type SubscriptionResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['Subscription'] = ResolversParentTypes['Subscription']> = {
  callSignal?: SubscriptionResolver<ResolversTypes['CallSignal'], "callSignal", ParentType, ContextType>;
  messageAdded?: SubscriptionResolver<ResolversTypes['Message'], "messageAdded", ParentType, ContextType, RequireFields<SubscriptionMessageAddedArgs, 'conversationId'>>;
  messageDeleted?: SubscriptionResolver<ResolversTypes['DeletedMessage'], "messageDeleted", ParentType, ContextType, RequireFields<SubscriptionMessageDeletedArgs, 'conversationId'>>;
  messageUpdated?: SubscriptionResolver<ResolversTypes['Message'], "messageUpdated", ParentType, ContextType, RequireFields<SubscriptionMessageUpdatedArgs, 'conversationId'>>;
  postPublished?: SubscriptionResolver<ResolversTypes['Post'], "postPublished", ParentType, ContextType, Partial<SubscriptionPostPublishedArgs>>;
  typing?: SubscriptionResolver<ResolversTypes['Typing'], "typing", ParentType, ContextType, RequireFields<SubscriptionTypingArgs, 'conversationId'>>;
};

export type TimestampedResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['Timestamped'] = ResolversParentTypes['Timestamped']> = {
  __resolveType: TypeResolveFn<'Announcement' | 'Conversation' | 'Message' | 'Podcast' | 'Post' | 'Video', ParentType, ContextType>;
};

export type TopicResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['Topic'] = ResolversParentTypes['Topic']> = {
  __resolveType: TypeResolveFn<'Payment' | 'Post', ParentType, ContextType>;
};

export type TypingResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['Typing'] = ResolversParentTypes['Typing']> = {
  conversation?: Resolver<ResolversTypes['Conversation'], ParentType, ContextType>;
  until?: Resolver<Maybe<ResolversTypes['DateTime']>, ParentType, ContextType>;
  user?: Resolver<ResolversTypes['User'], ParentType, ContextType>;
};

export type UserResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['User'] = ResolversParentTypes['User'], FederationReferenceType extends FederationReferenceTypes['User'] = FederationReferenceTypes['User']> = {
  __resolveReference?: ReferenceResolver<Maybe<ResolversTypes['User']> | FederationReferenceType, FederationReferenceType, ContextType>;
  bookmarks?: Resolver<Maybe<ResolversTypes['BookmarkConnection']>, ParentType, ContextType, RequireFields<UserBookmarksArgs, 'first'>>;
  byline?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  postCount?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  posts?: Resolver<ResolversTypes['PostConnection'], ParentType, ContextType, RequireFields<UserPostsArgs, 'first'>>;
};

export type VideoResolvers<ContextType = ContentContext, ParentType extends ResolversParentTypes['Video'] = ResolversParentTypes['Video'], FederationReferenceType extends FederationReferenceTypes['Video'] = FederationReferenceTypes['Video']> = {
  __resolveReference?: ReferenceResolver<Maybe<ResolversTypes['Video']> | FederationReferenceType, FederationReferenceType, ContextType>;
  createdAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  creator?: Resolver<ResolversTypes['User'], ParentType, ContextType>;
  durationSeconds?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  height?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  publishedAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  title?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  updatedAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  url?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type Resolvers<ContextType = ContentContext> = {
  Announcement?: AnnouncementResolvers<ContextType>;
  Bookmark?: BookmarkResolvers<ContextType>;
  BookmarkConnection?: BookmarkConnectionResolvers<ContextType>;
  BookmarkEdge?: BookmarkEdgeResolvers<ContextType>;
  Call?: CallResolvers<ContextType>;
  CallAccepted?: CallAcceptedResolvers<ContextType>;
  CallAnswer?: CallAnswerResolvers<ContextType>;
  CallEnded?: CallEndedResolvers<ContextType>;
  CallIceCandidate?: CallIceCandidateResolvers<ContextType>;
  CallIncoming?: CallIncomingResolvers<ContextType>;
  CallOffer?: CallOfferResolvers<ContextType>;
  CallRejected?: CallRejectedResolvers<ContextType>;
  CallSignal?: CallSignalResolvers<ContextType>;
  Conversation?: ConversationResolvers<ContextType>;
  ConversationConnection?: ConversationConnectionResolvers<ContextType>;
  ConversationEdge?: ConversationEdgeResolvers<ContextType>;
  DateTime?: GraphQLScalarType;
  DeletedMessage?: DeletedMessageResolvers<ContextType>;
  FeedConnection?: FeedConnectionResolvers<ContextType>;
  FeedEdge?: FeedEdgeResolvers<ContextType>;
  FeedItem?: FeedItemResolvers<ContextType>;
  Media?: MediaResolvers<ContextType>;
  Message?: MessageResolvers<ContextType>;
  MessageConnection?: MessageConnectionResolvers<ContextType>;
  MessageEdge?: MessageEdgeResolvers<ContextType>;
  Mutation?: MutationResolvers<ContextType>;
  Node?: NodeResolvers<ContextType>;
  PageInfo?: PageInfoResolvers<ContextType>;
  Participant?: ParticipantResolvers<ContextType>;
  Payment?: PaymentResolvers<ContextType>;
  Podcast?: PodcastResolvers<ContextType>;
  Post?: PostResolvers<ContextType>;
  PostConnection?: PostConnectionResolvers<ContextType>;
  PostEdge?: PostEdgeResolvers<ContextType>;
  Query?: QueryResolvers<ContextType>;
  SearchResult?: SearchResultResolvers<ContextType>;
  Subscription?: SubscriptionResolvers<ContextType>;
  Timestamped?: TimestampedResolvers<ContextType>;
  Topic?: TopicResolvers<ContextType>;
  Typing?: TypingResolvers<ContextType>;
  User?: UserResolvers<ContextType>;
  Video?: VideoResolvers<ContextType>;
};

export type DirectiveResolvers<ContextType = ContentContext> = {
  cacheControl?: CacheControlDirectiveResolver<any, any, ContextType>;
  rateLimit?: RateLimitDirectiveResolver<any, any, ContextType>;
};
