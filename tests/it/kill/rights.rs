//! What an account may not do is said, and never called clear.
